//! What the shell says about itself.

/// How the program is called.
pub(crate) const USAGE: &str = "\
crm: a shell for stores of the CRM engine

usage: crm [options] STORE

  STORE                the file of the store
  -u, --user LOGIN     log in as this user; the password comes from CRM_PASSWORD or is asked for
      --code CODE      the code of a second factor
      --host           work as the host program itself, without a login. The engine trusts its
                       host: all records, all fields, no rights asked. Whoever may read and
                       write the file can do this. With `-u LOGIN` the host vouches for that
                       user: his rights, without his password
      --create         make the store where there is none, and work in it as the host
  -c, --command TEXT   run this and end; may be given several times
      --json           answers as JSON, rows as an array of objects
      --csv            rows as CSV
      --lang LANGUAGE  of labels; `en` when left out
  -h, --help           this text
  -V, --version        the version

Without -c, statements are read from the terminal or from a pipe. A query ends with `;`, a command
with its line: `.help` lists them.

exit code: 0 when all went well, 1 when the store refused something, 2 when the call is wrong
";

/// What stands above the list of commands.
pub(crate) const HEAD: &str = "\
A query begins with SELECT and ends with `;`. `explain select ...;` tells the way its rows are found.
Commands stand on one line; the dot may be left out.
";
