//! Several kernels in one image: their order, and which of them starts by itself.

use crate::PlanError;
use crate::input::KernelFiles;
use pintle_package::control::version::compare;

/// Puts the newest kernel first, and before it the one that starts by itself: the newest that matches `default`.
///
/// Releases are compared as Debian's versions. systemd-boot compares the names of entries in nearly the same way
/// (UAPI.10), and only the release differs in them.
///
/// # Errors
/// [`PlanError::NoSuchKernel`]: none matches.
pub(crate) fn order(kernels: &mut [KernelFiles], default: Option<&str>) -> Result<(), PlanError> {
    kernels.sort_by(|a, b| compare(&b.release, &a.release).then_with(|| b.release.cmp(&a.release)));
    let Some(pattern) = default else { return Ok(()) };
    match kernels.iter().position(|kernel| matches(pattern.as_bytes(), kernel.release.as_bytes())) {
        Some(at) => {
            kernels[..=at].rotate_right(1);
            Ok(())
        }
        None => {
            let releases = kernels.iter().map(|kernel| kernel.release.clone()).collect();
            Err(PlanError::NoSuchKernel { pattern: pattern.to_owned(), releases })
        }
    }
}

/// A pattern in which `*` stands for any text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts.filter(|part| !part.is_empty()) {
        match rest.windows(part.len()).position(|window| window == part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::Blob;

    fn ordered(releases: &[&str], default: Option<&str>) -> Result<String, PlanError> {
        let file = |release: &&str| KernelFiles {
            initrd_path: None,
            variant: None,
            image: Blob::inline(*b""),
            path: pintle_model::TreePath::default(),
            release: (*release).to_owned(),
            initrd: None,
        };
        let mut kernels: Vec<_> = releases.iter().map(file).collect();
        order(&mut kernels, default)?;
        Ok(kernels.iter().map(|kernel| kernel.release.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_newest_or_the_chosen_one_comes_first() {
        let all = ["6.9.1-amd64", "6.12.7+deb13-amd64", "6.12.7+deb13-cloud-amd64", "6.10.0"];
        let newest = "6.12.7+deb13-cloud-amd64 6.12.7+deb13-amd64 6.10.0 6.9.1-amd64";
        assert_eq!(ordered(&all, None).unwrap(), newest);
        assert_eq!(ordered(&all, Some("*")).unwrap(), newest);
        let chosen = "6.12.7+deb13-amd64 6.12.7+deb13-cloud-amd64 6.10.0 6.9.1-amd64";
        assert_eq!(ordered(&all, Some("*deb13-amd64")).unwrap(), chosen);
        let old = "6.9.1-amd64 6.12.7+deb13-cloud-amd64 6.12.7+deb13-amd64 6.10.0";
        assert_eq!(ordered(&all, Some("6.9.*")).unwrap(), old);
        insta::assert_snapshot!(ordered(&all, Some("6.18.*")).unwrap_err(), @"`kernel.default` is `6.18.*`, but no kernel of the image has such a release: there are 6.12.7+deb13-cloud-amd64, 6.12.7+deb13-amd64, 6.10.0, 6.9.1-amd64");
    }

    #[test]
    fn a_star_is_any_text() {
        let all = [("a", "a"), ("*", ""), ("a*c", "abc"), ("a*c", "ac"), ("*b*b*", "abxb"), ("**", "x")];
        assert!(all.iter().all(|(pattern, text)| matches(pattern.as_bytes(), text.as_bytes())));
        let none = [("a", "ab"), ("a*c", "ab"), ("ab*ba", "aba"), ("*x*", "abc"), ("", "a")];
        assert!(none.iter().all(|(pattern, text)| !matches(pattern.as_bytes(), text.as_bytes())));
    }
}
