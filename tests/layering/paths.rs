//! Which paths a source file names, read from its tokens: comments and strings do not count, macros do.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path with `::` in it.
#[derive(Clone)]
pub(crate) struct Named {
    /// From the crate's root if it is the crate's own, else from the name of the other crate.
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) own: bool,
}

/// Every path in the text of a module, `use` groups taken apart.
pub(crate) fn named_paths(module: &[String], text: &str) -> Vec<Named> {
    let tokens: TokenStream = text.parse().expect("a source file is made of tokens");
    let mut found = Vec::new();
    Scope::of(module.to_vec(), &tokens).walk(tokens, &mut found);
    found
}

/// A module and the names of its children, which may begin a path.
struct Scope {
    module: Vec<String>,
    children: BTreeSet<String>,
}

impl Scope {
    fn of(module: Vec<String>, tokens: &TokenStream) -> Self {
        let tokens: Vec<String> = tokens.clone().into_iter().map(|token| token.to_string()).collect();
        let after_mod = tokens.windows(2).filter_map(|pair| match pair {
            [keyword, name] if keyword == "mod" => Some(name.clone()),
            _ => None,
        });
        Self { module, children: after_mod.collect() }
    }

    fn walk(&self, tokens: TokenStream, found: &mut Vec<Named>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let [first, after @ ..] = rest {
            rest = match (first, after) {
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Group(body), after @ ..])
                    if word == "mod" =>
                {
                    let inner = [self.module.clone(), vec![name.to_string()]].concat();
                    Self::of(inner, &body.stream()).walk(body.stream(), found);
                    after
                }
                (TokenTree::Ident(first), [colon, ..]) if is_colon(colon) => {
                    self.path(&first.to_string(), after, found)
                }
                (TokenTree::Group(group), _) => {
                    self.walk(group.stream(), found);
                    after
                }
                _ => after,
            };
        }
    }

    /// Takes one path that begins with `first`, and returns what follows it.
    fn path<'t>(&self, first: &str, tokens: &'t [TokenTree], found: &mut Vec<Named>) -> &'t [TokenTree] {
        let (path, own) = match first {
            "crate" => (Vec::new(), true),
            "self" => (self.module.clone(), true),
            "super" => (parent(&self.module), true),
            _ if self.children.contains(first) => {
                ([self.module.clone(), vec![first.to_owned()]].concat(), true)
            }
            _ => (vec![first.to_owned()], false),
        };
        follow(Named { path, line: 0, own }, tokens, found)
    }
}

/// Follows a path over its further segments and groups of branches; `line` is 0 while it is a single name yet.
fn follow<'t>(mut named: Named, tokens: &'t [TokenTree], found: &mut Vec<Named>) -> &'t [TokenTree] {
    let mut rest = tokens;
    while let [first, second, next, after @ ..] = rest {
        if !is_colon(first) || !is_colon(second) {
            break;
        }
        named.line = first.span().start().line;
        rest = after;
        match next {
            TokenTree::Ident(word) if word == "super" => named.path = parent(&named.path),
            TokenTree::Ident(word) => named.path.push(word.to_string()),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                follow_each(&named, group, found);
                return rest;
            }
            _ => break,
        }
    }
    if named.line != 0 {
        found.push(named);
    }
    rest
}

fn follow_each(base: &Named, group: &Group, found: &mut Vec<Named>) {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    for tokens in tokens.split(|token| token.to_string() == ",") {
        let Some((first, rest)) = tokens.split_first() else { continue };
        let mut branch = Named { line: first.span().start().line, ..base.clone() };
        if !matches!(first.to_string().as_str(), "self" | "*") {
            branch.path.push(first.to_string());
        }
        follow(branch, rest, found);
    }
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}

fn parent(module: &[String]) -> Vec<String> {
    module.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default()
}
