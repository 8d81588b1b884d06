use uuid::Uuid;

/// The namespace of every identity below (UUID version 5, RFC 9562).
const NAMESPACE: Uuid = uuid::uuid!("5d1f7b0e-6c0f-4b57-9d8e-0a3f1c2e7a94");

/// Gives identities that depend on a system's name and version and on nothing else: two builds agree, two versions do
/// not collide on one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    base: Uuid,
}

impl Identity {
    /// For one version of one system.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        // The NUL keeps `a` `bc` apart from `ab` `c`.
        Self { base: Uuid::new_v5(&NAMESPACE, format!("{name}\0{version}").as_bytes()) }
    }

    /// For one use within it: `disk`, `root`, `root file system`.
    #[must_use]
    pub fn of(&self, role: &str) -> Uuid {
        Uuid::new_v5(&self.base, role.as_bytes())
    }

    /// As [`Identity::of`], in 32 bits: FAT's serial number.
    #[must_use]
    pub fn short(&self, role: &str) -> u32 {
        self.of(role).as_fields().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_pinned_and_apart() {
        let one = Identity::new("web", "1");
        insta::assert_snapshot!(one.of("root"), @"a5036d4e-6708-5a29-975b-2f0350bfa73b");
        assert_eq!(one.of("root").get_version_num(), 5);
        let others =
            [one.of("disk"), Identity::new("web", "2").of("root"), Identity::new("we", "b1").of("root")];
        assert!(others.iter().all(|other| *other != one.of("root")));
    }
}
