//! Here-documents stand after the line that announces them; here they find their redirections.

use super::syntax::{Node, Redirect};
use std::rc::Rc;

/// Hands the here-documents' texts, last first, to the redirections that announced them.
pub(super) fn fill_all(nodes: &mut [Node], here: &mut Vec<Option<String>>) {
    for node in nodes {
        fill(node, here);
    }
}

fn fill(node: &mut Node, here: &mut Vec<Option<String>>) {
    let redirect = |redirects: &mut Vec<Redirect>, here: &mut Vec<Option<String>>| {
        for redirect in redirects {
            if let Redirect::Here(text) = redirect {
                *text = here.pop().flatten();
            }
        }
    };
    match node {
        Node::Command(command) => redirect(&mut command.redirects, here),
        Node::Pipeline(nodes) | Node::Group(nodes) | Node::Subshell(nodes) => fill_all(nodes, here),
        Node::Not(inner) => fill(inner, here),
        Node::AndOr(first, rest) => {
            fill(first, here);
            rest.iter_mut().for_each(|(_, node)| fill(node, here));
        }
        Node::If { arms, otherwise, .. } => {
            for (condition, body) in arms {
                fill_all(condition, here);
                fill_all(body, here);
            }
            fill_all(otherwise, here);
        }
        Node::Case { arms, .. } => arms.iter_mut().for_each(|(_, body)| fill_all(body, here)),
        Node::For { body, .. } => fill_all(body, here),
        Node::Loop { condition, body, .. } => {
            fill_all(condition, here);
            fill_all(body, here);
        }
        Node::Function { body, .. } => {
            if let Some(body) = Rc::get_mut(body) {
                fill_all(body, here);
            }
        }
        Node::Redirected { node, redirects, .. } => {
            fill(node, here);
            redirect(redirects, here);
        }
    }
}
