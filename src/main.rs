//! The `plumbago` binary: everything it does lives in the library.

fn main() -> std::process::ExitCode {
    plumbago::daemon::main()
}
