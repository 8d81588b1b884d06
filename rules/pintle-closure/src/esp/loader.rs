use pintle_boot::loader::LoaderVersion;
use pintle_boot::uki::{Pe, PeLimits};

/// What becomes of a boot loader that is on the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoaderFate {
    /// Ours takes its place: there was none, an older systemd-boot, or one that is damaged.
    Replace,
    /// A newer systemd-boot stays: it starts entries of older systems as well.
    Newer(LoaderVersion),
    /// A program of somebody else stays.
    Foreign,
}

/// What becomes of `present` where `own` could take its place.
#[must_use]
pub fn loader_fate(present: Option<&[u8]>, own: &[u8]) -> LoaderFate {
    let Some(present) = present.filter(|present| *present != own) else { return LoaderFate::Replace };
    // Cut short it is nobody's any more: its sections would lie beyond its end.
    if Pe::parse(present, present.len() as u64, &PeLimits::default()).is_err() {
        return LoaderFate::Replace;
    }
    match (LoaderVersion::find(present), LoaderVersion::find(own)) {
        (None, _) => LoaderFate::Foreign,
        (Some(there), Some(ours)) if there > ours => LoaderFate::Newer(there),
        _ => LoaderFate::Replace,
    }
}
