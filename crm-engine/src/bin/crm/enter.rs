//! Who works here.

use std::io;

use crm_engine::{Engine, Login, Options, Session};

use crate::args::{Args, Who};
use crate::failure::Failure;

/// Opens the store, or makes it, and lets somebody in. `typed`: somebody is there to be asked.
pub(crate) fn enter(args: &Args, typed: bool) -> Result<(Engine, Session), Failure> {
    if args.create && !args.store.exists() {
        if let Who::User(login) = &args.who {
            let text = format!(
                "a new store has no user `{login}` with a password: make it with --create alone"
            );
            return Err(Failure::Usage(text));
        }
        let engine = Engine::create(&args.store, Options::default())?;
        let session = match &args.who {
            Who::Vouched(login) => engine.login(login)?,
            _ => engine.system(),
        };
        return Ok((engine, session));
    }
    if !args.store.exists() {
        let text = format!(
            "there is no `{}`; --create makes a new store",
            args.store.display()
        );
        return Err(Failure::Usage(text));
    }
    let engine = Engine::open(&args.store, Options::default())?;
    let session = match &args.who {
        Who::Host => engine.system(),
        Who::Vouched(login) => {
            let login = with_code(Login::new(login).vouched(), args);
            engine.open_session(&login)?
        }
        Who::User(login) => prove(&engine, login, args, typed)?,
        Who::Ask if typed => {
            let login = ask("user: ")?;
            prove(&engine, login.trim(), args, typed)?
        }
        Who::Ask => {
            let text = "who works here? -u LOGIN, or --host for the host itself";
            return Err(Failure::usage(text));
        }
    };
    Ok((engine, session))
}

fn prove(engine: &Engine, login: &str, args: &Args, typed: bool) -> Result<Session, Failure> {
    let password = match std::env::var("CRM_PASSWORD") {
        Ok(password) => password,
        Err(_) if typed => ask_hidden("password: ")?,
        Err(_) => {
            let text = "no password: set CRM_PASSWORD, or work from a terminal, which asks for it";
            return Err(Failure::usage(text));
        }
    };
    let login = with_code(Login::new(login).password(&password), args);
    Ok(engine.open_session(&login)?)
}

fn with_code(login: Login, args: &Args) -> Login {
    match &args.code {
        Some(code) => login.code(code),
        None => login,
    }
}

fn ask(question: &str) -> Result<String, Failure> {
    use std::io::Write as _;
    let mut err = io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}

/// Asks for something that is not shown while it is typed.
pub(crate) fn ask_hidden(question: &str) -> Result<String, Failure> {
    Ok(rpassword::prompt_password(question)?)
}
