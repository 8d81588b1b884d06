use super::{ModuleReference, OptionReference, Reference};
use std::fmt::Write as _;

/// How values meet, told before the options.
pub(super) const LANGUAGE: &str = "\
A definition is a TOML file. Its top holds a few options of its own and one table per module.

- `import = [\"common.toml\"]` reads other files too; their paths are relative to the file that imports them.
- Where several files set an option, the stronger wins: an option's own default, then `[default.MODULE]`, then `[MODULE]`, then `[force.MODULE]`.
- Within one strength lists append, tables merge key by key, and two different values for one option are an error.
- `[replace.MODULE]` is as strong as `[force.MODULE]` and drops what others added to the lists and tables it names.
- `pintle explain PATH` says what a value is, what it is for, and which file and line set it.

Your own modules go into `modules/NAME/module.toml` beside the definition; one that has the name of a shipped module stands in for it.
";

pub(super) fn page(reference: &Reference) -> String {
    let mut out = format!("# Options\n\n{LANGUAGE}\n");
    for module in &reference.modules {
        let _ = writeln!(out, "- [{}](#{})", title(module), anchor(&title(module)));
    }
    for module in &reference.modules {
        let _ = write!(out, "\n## {}\n\n{}\n", title(module), module.doc);
        if module.name != crate::schema::ROOT {
            let _ = write!(out, "\nThis module is {}.\n", module.active);
        }
        for option in &module.options {
            write_option(&mut out, option);
        }
    }
    out
}

pub(super) fn title(module: &ModuleReference) -> String {
    if module.name == crate::schema::ROOT { "top of the definition".to_owned() } else { module.name.clone() }
}

fn anchor(title: &str) -> String {
    title.replace(' ', "-")
}

fn write_option(out: &mut String, option: &OptionReference) {
    let _ = write!(out, "\n### `{}`\n\n{}\n\n- type: {}\n", option.path, option.doc, option.ty);
    match &option.default {
        Some(default) => {
            let _ = writeln!(out, "- default: `{default}`");
        }
        None if option.required => out.push_str("- required\n"),
        None => {}
    }
    if let Some(example) = &option.example {
        let _ = write!(out, "\n```toml\n{example}\n```\n");
    }
}
