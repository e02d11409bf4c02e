//! `aldis serve --page`: the page at `/`.

use super::{Scratch, text};
use crate::aldis::aldis;
use crate::served::Served;

#[test]
fn a_folder_with_a_page_is_served_at_the_root_and_without_one_there_is_nothing() {
    let scratch = Scratch::new();
    scratch.file("index.html", "<!doctype html><title>page</title>");
    scratch.file("notes.txt", "no part of a page");
    let served = Served::start(&["--page", &text(scratch.0.path())]);
    let page = served.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(served.get("/notes.txt").status, 404);
    assert_eq!(served.end("-TERM"), 0);
    let bare = Served::start(&[]);
    assert_eq!((bare.get("/").status, bare.get("/").reason()), (404, "not_found".to_owned()));
    assert_eq!(bare.end("-TERM"), 0);
}

#[test]
fn a_folder_that_is_no_page_is_named() {
    let scratch = Scratch::new();
    for folder in [text(scratch.0.path()), text(&scratch.path("none"))] {
        let run = aldis(&["serve", "--listen", "127.0.0.1:0", "--page", &folder]);
        assert!(run.code == 2 && run.err.contains("cannot serve the page of"), "{}", run.err);
    }
}
