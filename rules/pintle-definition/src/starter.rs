/// A commented definition to start from, for a system called `name`. The name is taken as it is: [`crate::evaluate`]
/// says what is wrong with it.
#[must_use]
pub fn starter(name: &str) -> String {
    include_str!("starter.toml").replace("@NAME@", &crate::raw::quoted(name))
}
