//! The `aldis` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    aldis_etcd::cli::main()
}
