//! What goes wrong when definitions meet, with the documentation of the option at hand.

use crate::merge::{Definition, Path, Spot};
use crate::near;
use crate::problem::Problem;
use crate::raw::{Data, Raw, bare};
use crate::schema::{OptionDecl, Type};
use crate::source::Place;

/// Two values of the same strength.
pub(crate) fn conflict(spot: Spot<'_>, first: Definition<'_>, second: Definition<'_>) -> Problem {
    let path = &spot.path.shown;
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let header =
        |word: &str| if table.is_empty() { format!("[{word}]") } else { format!("[{word}.{table}]") };
    Problem::new(format!("`{path}` is set to two values"), second.key)
        .label(format!("here to {}", second.raw.to_toml()))
        .related(first.key, format!("here to {}", first.raw.to_toml()))
        .help(format!(
            "remove one, or say which is stronger: `{key} = …` under {} yields, under {} wins",
            header("default"),
            header("force"),
        ))
}

/// A key that is no option.
pub(crate) fn unknown(key: &str, place: Place, options: &[OptionDecl], spot: Spot<'_>) -> Problem {
    let path = spot.path.field(key);
    let owner = if spot.path.documented.is_empty() {
        "the definition has no such option or module".to_owned()
    } else {
        format!("`{}` has no such option", spot.path.documented)
    };
    let problem = Problem::new(format!("unknown option `{}`", path.shown), place).label(owner);
    let names = options.iter().map(|option| option.name.as_str());
    match near::nearest(key, names).and_then(|name| options.iter().find(|option| option.name == name)) {
        Some(option) => {
            let problem = problem.help(format!("did you mean `{}`?", option.name));
            with_docs(problem, option, &spot.path.field(&option.name))
        }
        None => {
            let names: Vec<&str> = options.iter().map(|option| option.name.as_str()).collect();
            problem.help(format!("options here: {}", names.join(", "))).doc(paragraph(spot.decl, spot.path))
        }
    }
}

fn paragraph(decl: &OptionDecl, path: &Path) -> String {
    let doc = decl.doc.split("\n\n").next().unwrap_or_default();
    if path.documented.is_empty() {
        return doc.to_owned();
    }
    format!("{} ({}): {doc}", path.documented, decl.summary())
}

/// Adds what the reference says on the option.
pub(crate) fn with_docs(problem: Problem, decl: &OptionDecl, path: &Path) -> Problem {
    let problem = problem.doc(paragraph(decl, path));
    match &decl.example {
        Some(example) => problem.doc(format!("example: {} = {}", bare(&decl.name), example.to_toml())),
        None => problem,
    }
}

/// A value that is not of its option's type.
pub(crate) fn wrong_type(spot: Spot<'_>, ty: &Type, raw: &Raw) -> Problem {
    let message = match spot.path.shown.as_str() {
        "" => "`default`, `force` and `replace` must be tables of modules".to_owned(),
        path => format!("`{path}` must be {}", ty.phrase()),
    };
    let label = match (&raw.data, ty) {
        (Data::String(_), Type::Choice(_)) => "none of these".to_owned(),
        (Data::String(_), Type::Text(_) | Type::Size) => "not of that form".to_owned(),
        (Data::Integer(_), Type::Integer { .. }) => "out of range".to_owned(),
        _ => format!("this is {}", raw.kind()),
    };
    let mut problem = Problem::new(message, raw.place).label(label);
    if let (Some(word), Type::Choice(choices)) = (raw.as_str(), ty)
        && let Some(choice) = near::nearest(word, choices.iter().map(String::as_str))
    {
        problem = problem.help(format!("did you mean \"{choice}\"?"));
    }
    with_docs(problem, spot.decl, spot.path)
}
