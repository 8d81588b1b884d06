use super::GrubError;
use std::collections::{BTreeMap, BTreeSet};

/// `moddep.lst`: module to the modules it needs, in the file's order.
pub(super) struct Dependencies<'a>(BTreeMap<&'a str, Vec<&'a str>>);

const FILE: &str = "moddep.lst";
/// GRUB 2.12 has 285 modules; the bound keeps the depth of the walk below a known number.
const MODULES_MAX: usize = 1024;

impl<'a> Dependencies<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, GrubError> {
        let text = std::str::from_utf8(text).map_err(|_| GrubError::malformed(FILE, "it is not text"))?;
        let mut all = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let Some((name, needs)) = line.split_once(':') else {
                return Err(GrubError::BadDependencyLine { line: number + 1 });
            };
            all.insert(name.trim(), needs.split_whitespace().collect());
            if all.len() > MODULES_MAX {
                return Err(GrubError::malformed(FILE, "it lists more than 1024 modules"));
            }
        }
        Ok(Self(all))
    }

    /// `asked` and everything they need, each after what it needs, in the order `grub-mkimage` uses (needs are
    /// walked from the end of their line).
    pub(super) fn closure<'b>(&'b self, asked: &[&'b str]) -> Result<Vec<&'b str>, GrubError> {
        let mut walk = Walk { all: self, seen: BTreeSet::new(), order: Vec::new() };
        for module in asked {
            walk.visit(module, None)?;
        }
        Ok(walk.order)
    }
}

struct Walk<'a, 'b> {
    all: &'b Dependencies<'a>,
    seen: BTreeSet<&'b str>,
    order: Vec<&'b str>,
}

impl<'b> Walk<'_, 'b> {
    fn visit(&mut self, module: &'b str, needed_by: Option<&str>) -> Result<(), GrubError> {
        if !module.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+".contains(&b)) || module.is_empty() {
            return Err(GrubError::BadModuleName(module.to_owned()));
        }
        if !self.seen.insert(module) {
            return Ok(());
        }
        let Some(needs) = self.all.0.get(module) else {
            let needed_by = needed_by.map(str::to_owned);
            return Err(GrubError::NoModule { module: module.to_owned(), needed_by });
        };
        for need in needs.iter().rev() {
            self.visit(need, Some(module))?;
        }
        self.order.push(module);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_come_first_and_circles_end() {
        let all = Dependencies::parse(b"normal: boot crypto\nboot:\ncrypto: boot\na: b\nb: a\n").unwrap();
        assert_eq!(all.closure(&["normal", "boot"]).unwrap(), ["boot", "crypto", "normal"]);
        assert_eq!(all.closure(&["a"]).unwrap(), ["b", "a"]);
    }

    #[test]
    fn bad_lists_are_refused() {
        let error = |text: &'static [u8], ask: &'static str| {
            Dependencies::parse(text).and_then(|all| all.closure(&[ask]).map(|_| ())).unwrap_err().to_string()
        };
        insta::assert_snapshot!(error(b"normal: boot\n", "normal"), @"GRUB has no module `boot` (needed by `normal`)");
        insta::assert_snapshot!(error(b"normal:\n", "zfs"), @"GRUB has no module `zfs`");
        insta::assert_snapshot!(error(b"boot:\nnormal\n", "normal"), @"GRUB's `moddep.lst`, line 2: no `:` after the module's name");
        insta::assert_snapshot!(error(b"", "../../etc/passwd"), @"`../../etc/passwd` is not the name of a GRUB module");
    }
}
