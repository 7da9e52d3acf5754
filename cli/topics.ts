/** Help that belongs to no single command. */
import { EXIT_MEANINGS } from './errors.js'
import { indented } from './help.js'
import { SHAPES } from './shapes.js'

export interface Topic {
  readonly name: string
  readonly title: string
  readonly text: string
}

const REVISIONS = `
Where a command takes REV, these name a commit:

  main, v1.0            a branch or a tag; heads/main and tags/v1.0 where both exist
  HEAD, @               where the working folder stands; elsewhere the tip of the default branch
  3f2a, 3f2a9c81b7de    the first digits of an id, at least four
  main~3                three commits back along first parents
  main^, main^2         the first, the second parent
  main@{1}              where main pointed one move ago (see varve reflog)
  main@{yesterday}      where main pointed then; also "2 hours ago", 2026-11-22, 2026-11-22T18:30
  main:docs/a.txt       REV:PATH, a file or folder of that commit
  a..b                  from a to b: what differs (diff), commits of b that a lacks (log)`

const JSON_TEXT = `
With --json a command prints exactly one JSON document on stdout. Those that list print an array, one element a line, as
they find them; it is closed only when it is complete. Sizes are in bytes, times are ISO 8601 with zone, times with
nanoseconds are strings of digits, ids are 64 hexadecimal digits. Fields may be added in later versions, none renamed.
A path that is not UTF-8 shows U+FFFD there, and beside it stands "pathBase64" with its bytes.

An error is one line of JSON on stderr, and the exit status says the same as without --json:

  {"error":{"code":"UNKNOWN_REVISION","message":"…","hint":"…","details":{…}}}

"hint" and "details" stand there only if there are any. "code" is one of the library's stable codes, or USAGE,
OUTPUT, UNEXPECTED, or the system's (ENOENT …). The help of each command says the shape of its result; these recur:

${indented(SHAPES)}`

const ENVIRONMENT = `
  VARVE_STORE    the store, where --store is not given
  VARVE_AUTHOR   who commits, where --author is not given; without both the store's config author, else user@host
  VARVE_PAGER    the pager of long texts at a terminal, else PAGER, else less, as LESS=FRX; empty or cat: none
  NO_COLOR       no colours; FORCE_COLOR has them though the output is no terminal
  VARVE_DEBUG    shows where an error came from
  NODE_DISABLE_COMPILE_CACHE   Node.js 22.14 and later keep what they compiled of varve in your cache folder; 1: not`

const EXIT_TEXT = EXIT_MEANINGS.map(({ status, meaning }) => `  ${String(status).padStart(3)}  ${meaning}`).join('\n')

export const TOPICS: readonly Topic[] = [
  { name: 'revisions', title: 'Revisions', text: REVISIONS },
  { name: 'exit-statuses', title: 'Exit statuses', text: EXIT_TEXT },
  { name: 'json', title: 'JSON', text: JSON_TEXT },
  { name: 'environment', title: 'Environment', text: ENVIRONMENT },
]
