//! A Nix archive: read, kept, put into a tree, written again; and its listing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_fuzz::Pack;
use pintle_model::{Digest, Limit, Origin, SourceId, Tree, TreePath};
use pintle_nix::listing::Listing;
use pintle_nix::nar::{self, Limits, UnpackedNar};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { entries: Limit::new(10_000, "files in one archive"), ..Limits::default() };
    let mut pack = Pack::default();
    let Ok((unpacked, hashed)) = nar::unpack(data, &limits, &mut pack) else { return };
    assert_eq!(hashed.digest(), Digest::of(data));
    assert_eq!(UnpackedNar::from_bytes(&unpacked.to_bytes()).ok().as_ref(), Some(&unpacked));
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Nobody);
    let at = TreePath::literal("nix/store/x");
    unpacked.insert(&mut tree, &at, SourceId(0), origin).expect("every archive fits into an empty tree");
    // One content has one archive.
    let mut again = Vec::new();
    nar::write_to(&tree, &at, &pack, &mut again).expect("what was read can be written");
    assert!(again == data);
    if let Ok(listing) = Listing::of(&tree, &at) {
        // Its reader goes less deep than archives do.
        if let Ok(read) = Listing::parse(listing.render().as_bytes()) {
            assert_eq!(read, listing);
        }
    }
});
