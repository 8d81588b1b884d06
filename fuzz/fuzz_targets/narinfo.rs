//! What a binary cache says: narinfo, nix-cache-info, listings; and the words they are made of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_nix::cache_info::CacheInfo;
use pintle_nix::listing::Listing;
use pintle_nix::{ContentAddress, NarInfo, PublicKey, SecretKey, Signature, StoreDir, TrustedKeys, hash};

fuzz_target!(|data: &[u8]| {
    let store = StoreDir::default();
    if let Ok(info) = NarInfo::parse(data, &store) {
        assert_eq!(NarInfo::parse(info.render().as_bytes(), &store).ok().as_ref(), Some(&info));
        let path = info.info.path.clone();
        let _ = TrustedKeys::default().verify(info, &path).map_err(|error| error.to_string());
    }
    if let Ok(info) = CacheInfo::parse(data, &store) {
        assert_eq!(CacheInfo::parse(info.render().as_bytes(), &store).ok(), Some(info));
    }
    if let Ok(listing) = Listing::parse(data) {
        assert_eq!(Listing::parse(listing.render().as_bytes()).ok(), Some(listing));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(digest) = hash::parse(text) {
        assert_eq!(hash::parse(&hash::nix32(&digest)), Ok(digest));
    }
    if let Ok(address) = ContentAddress::parse(text) {
        assert_eq!(ContentAddress::parse(&address.to_string()), Ok(address));
    }
    if let Ok(signature) = Signature::parse(text) {
        assert_eq!(signature.to_string(), text);
    }
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(key.to_string(), text.trim_end());
    }
    if let Ok(key) = SecretKey::parse(text) {
        assert_eq!(*key.reveal(), text.trim_end());
    }
    if let Ok((path, rest)) = store.split(text) {
        assert!(text == path.to_string() || text == format!("{path}/{rest}"));
    }
});
