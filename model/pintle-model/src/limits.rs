/// A bound on what a parser of outside bytes accepts: a number and what it protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The largest accepted value.
    pub max: u64,
    /// What the limit protects, as a phrase for an error message (`"entries in one archive"`).
    pub what: &'static str,
}

impl Limit {
    /// A limit of `max` on `what`.
    #[must_use]
    pub const fn new(max: u64, what: &'static str) -> Self {
        Self { max, what }
    }

    /// True when `value` is within the limit.
    #[must_use]
    pub const fn allows(&self, value: u64) -> bool {
        value <= self.max
    }
}
