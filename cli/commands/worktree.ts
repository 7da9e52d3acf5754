import { Option } from 'commander'
import { EXIT } from '../errors.js'
import { printColumns } from '../output.js'
import { plainLine, shortId } from '../text.js'
import type { Verb, VerbGroup } from '../verb.js'
import { SWITCH_STATUSES } from './switch.js'

const list: Verb = {
  examples: [
    { command: 'varve worktree', does: 'list them' },
    { command: 'varve worktree list --json', does: 'for a script' },
  ],
  json: '{ path: string, branch: string | null, head: string | null, isThere: boolean }[]',
  async run(context) {
    const { WorkingFolder } = await context.library()
    const folders = WorkingFolder.list(await context.openToRead())
    if (context.json) {
      await context.out.jsonArray(
        folders.map(({ path, branch, id, isThere }) => ({ path, branch: branch ?? null, head: id ?? null, isThere })),
      )
      return EXIT.ok
    }
    const { green, red, yellow } = context.colors
    await printColumns(
      context.out,
      [],
      folders.map(({ path, branch, id, isThere }) => [
        plainLine(path),
        id === undefined ? '-' : yellow(shortId(id)),
        branch === undefined ? 'detached' : green(plainLine(branch)),
        isThere ? '' : red('not there'),
      ]),
    )
    return EXIT.ok
  },
}

const add: Verb = {
  define(command) {
    command
      .argument('<dir>', 'a new or empty folder')
      .argument('[branch]', 'where it stands; with -c or --detach any revision (default: HEAD, with -c)')
      .addOption(new Option('-c, --create <name>', 'begin a branch of this name').conflicts(['detach']))
      .option('-d, --detach', 'stand at the commit itself, on no branch')
  },
  examples: [
    { command: 'varve worktree add ../fix -c fix', does: 'a second folder on a branch of its own' },
    { command: 'varve worktree add ../old --detach v1.0', does: 'an older state beside this one' },
  ],
  json: '{ path: string, branch: string | null, head: string | null }',
  statuses: SWITCH_STATUSES,
  completes: ['file', 'branch'],
  async run(context, command) {
    const [dir = '', rev = 'HEAD'] = command.args
    const options = command.opts<{ create?: string; detach?: boolean }>()
    const { WorkingFolder } = await context.library()
    const { path: store } = await context.open()
    const path = context.resolvePath(dir)
    const folder = await WorkingFolder.add(store, path, rev, { ...context.work, ...options })
    context.adopt(folder.repository)
    const { branch, id } = folder.head
    if (context.json) await context.out.json({ path, branch: branch ?? null, head: id ?? null })
    else await context.say(`${path} is ${branch === undefined ? 'detached' : `on ${plainLine(branch)}`}`)
    return EXIT.ok
  },
}

const remove: Verb = {
  define(command) {
    command.argument('<dir>', 'the folder').option('-f, --force', 'although it has uncommitted changes')
  },
  about: 'The store forgets the folder. The files in it stay: delete them yourself if you do not want them.',
  examples: [
    { command: 'varve worktree remove ../fix', does: 'once the work there is done' },
    { command: 'varve worktree remove ../gone', does: 'one whose folder was deleted' },
  ],
  json: '{ path: string }',
  statuses: { [EXIT.notFound]: 'no such working folder', [EXIT.conflict]: 'it has uncommitted changes' },
  completes: ['working-folder'],
  async run(context, command) {
    const { WorkingFolder } = await context.library()
    const path = context.resolvePath(command.args[0] ?? '')
    const force = command.opts<{ force?: boolean }>().force === true
    await WorkingFolder.remove(await context.open(), path, { ...context.work, force })
    if (context.json) await context.out.json({ path })
    else await context.say(`${path} is a plain folder now; its files stay`)
    return EXIT.ok
  },
}

const repair: Verb = {
  about: `
For a folder whose store was moved: name the store with --store. For one that its store does not know, because the store was
put back from an old copy, or the folder was removed from it; and for one whose .varve is damaged or gone. The folder
stands where it stood, or at the default branch if nobody knows any more; its files stay as they are.`,
  examples: [
    { command: 'varve worktree repair', does: 'in the folder' },
    { command: 'varve worktree repair --store /mnt/backup/home.varve', does: 'when the store was moved there' },
    { command: 'varve -C ~/notes worktree repair', does: 'from elsewhere' },
  ],
  json: '{ path: string, branch: string | null, head: string | null }',
  statuses: { [EXIT.notFound]: 'not in a working folder, or no store where it should be' },
  async run(context) {
    const { WorkingFolder } = await context.library()
    // What VARVE_STORE names is meant for commands that need a store, not for making this folder one of it.
    const store = context.options.store === undefined ? undefined : context.namedStorePath
    const folder = await WorkingFolder.repair(context.folder, { store })
    context.adopt(folder.repository)
    const { branch, id } = folder.head
    const { path } = folder
    if (context.json) await context.out.json({ path, branch: branch ?? null, head: id ?? null })
    else await context.say(`${path} is ${branch === undefined ? 'detached' : `on ${plainLine(branch)}`}`)
    return EXIT.ok
  },
}

export const verb: VerbGroup = {
  about: 'Several folders can work on one store, each on a branch of its own.',
  subverbs: {
    list: { summary: 'List working folders (the default)', verb: list },
    add: { summary: 'Make another working folder', verb: add },
    remove: { summary: 'Forget one; its files stay', verb: remove },
    repair: { summary: 'Make this folder known to its store again', verb: repair },
  },
  default: 'list',
}
