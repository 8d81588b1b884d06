use std::error::Error;

/// An error and its causes, from the outside in; what the message above has said already is left out.
#[must_use]
pub fn chain(error: &dyn Error) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut at = error.source();
    while let Some(error) = at {
        let text = error.to_string();
        if !chain.last().is_some_and(|last| last.contains(&text)) {
            chain.push(text);
        }
        at = error.source();
    }
    chain
}

/// An error with all its causes, on one line.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        text += &format!(": {cause}");
        at = cause.source();
    }
    text
}
