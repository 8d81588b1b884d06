/// Told how downloads go. Called from several threads.
pub trait Progress: Sync {
    /// An item begins: its name (the last part of its path) and how many bytes it has.
    fn started(&self, name: &str, bytes: u64);
    /// `bytes` more of it are there: downloaded, found in the cache, or left from an earlier run.
    fn advanced(&self, name: &str, bytes: u64);
    /// `bytes` of it have to be fetched once more.
    fn lost(&self, name: &str, bytes: u64);
    /// It is complete and verified.
    fn finished(&self, name: &str);
    /// Something a patient user may want to know: a retry and its reason, another mirror.
    fn note(&self, name: &str, text: &str);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn started(&self, _name: &str, _bytes: u64) {}
    fn advanced(&self, _name: &str, _bytes: u64) {}
    fn lost(&self, _name: &str, _bytes: u64) {}
    fn finished(&self, _name: &str) {}
    fn note(&self, _name: &str, _text: &str) {}
}
