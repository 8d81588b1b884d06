use pintle_model::Arch;
use uuid::{Uuid, uuid};

/// Partitions whose type says for which architecture they are: UAPI.2 Discoverable Partitions Specification, "Defined
/// Partition Type UUIDs".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Discoverable {
    /// `/`.
    Root,
    /// dm-verity's hashes of [`Discoverable::Root`].
    RootVerity,
    /// Signature of their root hash.
    RootVeritySignature,
    /// `/usr`.
    Usr,
    /// dm-verity's hashes of [`Discoverable::Usr`].
    UsrVerity,
    /// Signature of their root hash.
    UsrVeritySignature,
}

impl Discoverable {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Root,
        Self::RootVerity,
        Self::RootVeritySignature,
        Self::Usr,
        Self::UsrVerity,
        Self::UsrVeritySignature,
    ];

    /// Its type GUID.
    #[must_use]
    pub fn type_guid(self, arch: Arch) -> Uuid {
        match (self, arch) {
            (Self::Root, arch) => arch.root_partition_type(),
            (Self::RootVerity, Arch::Amd64) => uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),
            (Self::RootVerity, Arch::Arm64) => uuid!("df3300ce-d69f-4c92-978c-9bfb0f38d820"),
            (Self::RootVeritySignature, Arch::Amd64) => uuid!("41092b05-9fc8-4523-994f-2def0408b176"),
            (Self::RootVeritySignature, Arch::Arm64) => uuid!("6db69de6-29f4-4758-a7a5-962190f00ce3"),
            (Self::Usr, Arch::Amd64) => uuid!("8484680c-9521-48c6-9c11-b0720656f69e"),
            (Self::Usr, Arch::Arm64) => uuid!("b0e01050-ee5f-4390-949a-9101b17104e9"),
            (Self::UsrVerity, Arch::Amd64) => uuid!("77ff5f63-e7b6-4633-acf4-1565b864c0e6"),
            (Self::UsrVerity, Arch::Arm64) => uuid!("6e11a4e7-fbca-4ded-b9e9-e1a512bb664e"),
            (Self::UsrVeritySignature, Arch::Amd64) => uuid!("e7bb33fb-06cf-4e81-8273-e543b413e2e2"),
            (Self::UsrVeritySignature, Arch::Arm64) => uuid!("c23ce4ff-44bd-4b00-b2d4-b41b3419e02a"),
        }
    }
}
