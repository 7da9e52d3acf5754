import type { Change, FolderStatus } from '../../src/index.js'
import { CHANGE_LETTERS } from '../changeText.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { changeJson } from '../shapes.js'
import { counted, plainLine, shortId } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly short?: boolean
  readonly nul?: boolean
  readonly renames: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .option('-s, --short', 'a letter and a path for each change, and nothing else')
      .option('-z, --nul', 'as --short, paths as they are, each ended by a NUL')
      .option('--no-renames', 'show a file that moved as one removed and one added')
  },
  about: `
There is no staging area: what is listed is what "varve commit" would record. Files that look as they did when they were
last read are not opened. What .gitignore, .varveignore and the setting "ignore" name is left out, unless the commit has it.

Files that moved are found by their content: the same, or at least half of it. With -z the path that such a file had
comes before the one it has.`,
  examples: [
    { command: 'varve status', does: 'what changed since the last commit' },
    { command: 'varve status --short', does: 'for programs and for the hurried' },
  ],
  json: `
{ branch: string | null,                          // null: detached
  head: string | null,                            // null before the first commit
  tip: string | null,                             // where the branch is, if others moved it
  interrupted: { from: string | null, to: string, branch: string | null } | null,
  changes: Change[], files, ignored: number,
  unreadable: { path, code, reason }[], warnings: string[] }`,
  statuses: { [EXIT.notFound]: 'not in a working folder', [EXIT.files]: 'the folder cannot be read' },

  async run(context, command) {
    const options = command.opts<Options>()
    const folder = await openToLook(context)
    const status = await folder.status({ ...context.work, renames: options.renames })
    if (context.json) await context.out.json(statusJson(status))
    else if (options.nul || options.short) await printShort(context, status, options.nul === true)
    else await printLong(context, status)
    for (const warning of status.warnings) await context.warn(warning)
    for (const { path, reason } of status.unreadable) await context.warn(`cannot read ${plainLine(path)}: ${reason}`)
    return EXIT.ok
  },
}

/** For writing where that can be, so that what was learned is kept. */
export async function openToLook(context: Context) {
  const { isVarveError } = await context.library()
  try {
    return await context.openFolder()
  } catch (error) {
    if (!isVarveError(error, 'STORAGE_READ_ONLY', 'STORAGE_DENIED')) throw error
    return context.openFolder({ readOnly: true })
  }
}

function statusJson(status: FolderStatus) {
  const { branch, id, tip, interrupted, changes, files, ignored, unreadable, warnings } = status
  const told = interrupted && {
    from: interrupted.from ?? null,
    to: interrupted.to,
    branch: interrupted.branch ?? null,
  }
  return {
    branch: branch ?? null,
    head: id ?? null,
    tip: tip ?? null,
    interrupted: told ?? null,
    changes: changes.map(changeJson),
    files,
    ignored,
    unreadable,
    warnings,
  }
}

const WORDS: Readonly<Record<Change['kind'], string>> = {
  added: 'new:',
  removed: 'deleted:',
  modified: 'modified:',
  'type-changed': 'typechange:',
  'mode-changed': 'mode:',
  renamed: 'renamed:',
}

async function printShort(context: Context, { changes }: FolderStatus, isNul: boolean): Promise<void> {
  for (const { kind, path, pathBytes, from, fromBytes } of changes) {
    if (isNul) {
      const paths = [...(fromBytes ? [fromBytes] : []), pathBytes].flatMap((bytes) => [bytes, Buffer.of(0)])
      await context.out.bytes(Buffer.concat([Buffer.from(`${CHANGE_LETTERS[kind]} `), ...paths]))
    } else await context.out.line(`${CHANGE_LETTERS[kind]} ${movedFrom(from)}${plainLine(path)}`)
  }
}

function movedFrom(from: string | undefined): string {
  return from === undefined ? '' : `${plainLine(from)} -> `
}

async function printLong(context: Context, status: FolderStatus): Promise<void> {
  const { branch, id, tip, interrupted, changes, ignored, unreadable } = status
  const { green, red, yellow } = context.colors
  const at = id === undefined ? 'no commits yet' : `at ${shortId(id)}`
  await context.out.line(branch === undefined ? `detached, ${at}` : `on ${green(plainLine(branch))}, ${at}`)
  if (interrupted) {
    const to = interrupted.branch ?? shortId(interrupted.to)
    await context.out.line(red(`a switch to ${plainLine(to)} was interrupted`))
    await context.out.line('  go on with "varve switch --continue", or back with "varve switch --abort"')
  }
  if (tip !== undefined) {
    await context.out.line(yellow(`${plainLine(branch ?? '')} was moved to ${shortId(tip)} by others`))
    await context.out.line(`  bring the folder there with "varve switch ${plainLine(branch ?? '')}"`)
  }
  if (changes.length === 0) {
    await context.out.line(unreadable.length === 0 ? 'nothing to commit' : 'nothing to commit in what can be read')
  }
  for (const { kind, path, from } of changes) {
    const tint = kind === 'removed' ? red : kind === 'added' ? green : yellow
    await context.out.line(`  ${tint(WORDS[kind].padEnd(12))}${movedFrom(from)}${plainLine(path)}`)
  }
  if (ignored > 0) await context.out.line(`${counted(ignored, 'entry', 'entries')} ignored`)
}
