//! The `aldis` command: what an operator does with directives.
//!
//! Exit codes: 0 for yes, 1 if the answer is no (invalid, refused, conflict, nothing there), 2 for usage and I/O.
//! Answers go to standard output, everything else to standard error as `error: …` in one line.
//!
//! With `--format json` an answer is one object per line. Fields may be added; those of today keep name and meaning.
//!
//! | command | object |
//! |---|---|
//! | `check` | `{"valid":true,"directives","digest","warnings":[W]}` or `{"valid":false,"error":E}`; `file` comes first where several are checked |
//! | `eval` | `{"level","ring_buffer","capture","decided_by","revision","digest"}`; with `--explain` also `explain`: `[{"id","applies","why"}]`; `revision` is null for a file |
//! | `publish` | `{"published","key","revision","replaced","directives","difference":{"added","removed","changed":[{"id","fields"}]},"warnings":[W]}`; in a dry run `published` is false and `revision` null; a refused document: `{"published":false,"error":E}` |
//! | `get` | `{"key","revision","digest","directives","document"}`, one line for each document |
//! | `clear` | `{"cleared":true,"key","revision","replaced","removed"}`, one line for each document |
//! | `watch` | `{"event":"applied","revision","digest","directives"}`, `{"event":"refused","revision","key","error":E}`, `{"event":"stale","for_ms","cause"}`, `{"event":"live"}`, `{"event":"reconnecting","endpoint","cause","delay_ms"}`, `{"event":"cluster_changed","from","to"}`, `{"event":"repaired","keys"}` |
//! | `serve` | `{"event":"serving","url"}` once it can be reached |
//! | `demo` | `{"at_ms","claim","holds"}`, last `{"claims","hold"}` |
//! | `schema` | the JSON Schema of documents, draft 2020-12 |
//!
//! E is a refusal: `{"reason","path","line","column","message","help"}`. W is a warning: `{"warning","path","id","message"}`.
//! Any other no is `{"error":{"reason","message"}}` with the reasons `absent`, `conflict`, `expired`, `fleet_wide` and
//! `too_large`.
//!
//! The digest of a file is that of the file under the key of `--source`, or under `aldis/directives` if none is named:
//! the digest which every instance shows once these very bytes lie under that key. `aldis publish` writes other bytes,
//! since it makes lifetimes absolute; what it wrote, `aldis get` shows.

mod args;
mod backend;
mod certificate;
mod check;
mod complaint;
mod console;
mod demo;
mod end;
mod engine;
mod eval;
mod failure;
mod file;
mod get;
mod input;
mod precompile;
mod publish;
mod schema;
mod serve;
mod store;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Args, Command};
use self::console::Console;
use self::failure::{Answer, Failure};

/// Runs the command with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let mut console = Console::new(args.global.format);
    match dispatch(args, &mut console) {
        Ok(answer) => answer.into(),
        Err(failure) => failure.report(&mut console),
    }
}

/// clap's own words; help and version are a yes.
fn usage(error: &clap::Error) -> ExitCode {
    // Whoever closed the pipe does not want to know.
    let _ = error.print();
    ExitCode::from(u8::from(error.use_stderr()) * 2)
}

fn dispatch(args: Args, console: &mut Console) -> Result<Answer, Failure> {
    let Args { global, command } = args;
    match command {
        Command::Check(args) => check::run(&global, &args, console),
        Command::Eval(args) => block_on(eval::run(&global, &args, console)),
        Command::Publish(args) => block_on(publish::run(&global, &args, console)),
        Command::Clear(args) => block_on(publish::clear(&global, &args, console)),
        Command::Get(args) => block_on(get::run(&global, &args, console)),
        Command::Watch => block_on(watch::run(&global, console)),
        Command::Serve(args) => block_on_all_cores(serve::run(&global, &args, console)),
        Command::Demo => block_on(demo::run(console)),
        Command::Schema => schema::run(console),
        Command::Precompile(args) => precompile::run(&args, console),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "aldis", &mut script);
            console.bytes(&script)?;
            Ok(Answer::Yes)
        }
    }
}

/// One thread does: the command waits most of the time.
fn block_on<T>(task: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(&mut tokio::runtime::Builder::new_current_thread(), task)
}

/// For what has others to serve.
fn block_on_all_cores<T>(task: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(&mut tokio::runtime::Builder::new_multi_thread(), task)
}

fn run_on<T>(
    builder: &mut tokio::runtime::Builder,
    task: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::trouble(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(task);
    // Connections are given up, not waited for.
    runtime.shutdown_background();
    result
}
