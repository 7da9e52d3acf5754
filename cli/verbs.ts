/** The verbs, in the order of help. A verb's file is loaded only when it is used. */
import type { Verb, VerbGroup } from './verb.js'

export interface VerbListing {
  readonly name: string
  readonly summary: string
  /** The heading it stands under in `varve --help`; hidden without one. */
  readonly heading?: string
  load(): Promise<{ readonly verb: Verb | VerbGroup }>
}

const STORES = 'Stores:'
const FOLDERS = 'Working folders:'
const TREES = 'File trees:'
const HISTORY = 'History:'
const VOLUMES = 'Volumes:'
const MORE = 'More:'

function at(heading: string, name: string, summary: string, load: VerbListing['load']): VerbListing {
  return { name, heading, summary, load }
}

export const VERBS: readonly VerbListing[] = [
  at(STORES, 'init', 'Create a store', () => import('./commands/init.js')),
  at(STORES, 'stats', 'Show how much is stored and how much was saved', () => import('./commands/stats.js')),
  at(STORES, 'space', 'Show what takes the space', () => import('./commands/space.js')),
  at(STORES, 'gc', 'Give back the space of what nothing needs any more', () => import('./commands/gc.js')),
  at(STORES, 'prune', 'Thin out history by a retention policy', () => import('./commands/prune.js')),
  at(STORES, 'defragment', 'Put the contents of a revision in order', () => import('./commands/defragment.js')),
  at(STORES, 'pack', 'Make the store smaller', () => import('./commands/pack.js')),
  at(STORES, 'replace', 'Show another commit or object in the place of one', () => import('./commands/replace.js')),
  at(STORES, 'erase', 'Remove paths from all history', () => import('./commands/erase.js')),
  at(STORES, 'verify', 'Read everything back and check it', () => import('./commands/verify.js')),
  at(STORES, 'scrub', 'Check everything bit by bit, and mend it', () => import('./commands/scrub.js')),
  at(STORES, 'seal', 'Prepare the store for media that can only be read', () => import('./commands/seal.js')),
  at(STORES, 'doctor', 'Say what should be done about the store', () => import('./commands/doctor.js')),
  at(STORES, 'which', 'Show what needs a chunk, an object or an extent', () => import('./commands/which.js')),
  at(STORES, 'config', "Show or change the store's settings", () => import('./commands/config.js')),

  at(FOLDERS, 'status', 'Show what changed in the working folder', () => import('./commands/status.js')),
  at(FOLDERS, 'switch', 'Go to another branch or commit', () => import('./commands/switch.js')),
  at(FOLDERS, 'checkout', 'The same, as Git users know it', () => import('./commands/checkout.js')),
  at(FOLDERS, 'restore', 'Bring files back as a commit has them', () => import('./commands/restore.js')),
  at(FOLDERS, 'clean', 'Remove what no commit has', () => import('./commands/clean.js')),
  at(FOLDERS, 'rm', 'Remove files of the commit from the folder', () => import('./commands/rm.js')),
  at(FOLDERS, 'mv', 'Move files, or give them another name', () => import('./commands/mv.js')),
  at(FOLDERS, 'worktree', 'List, add or forget working folders', () => import('./commands/worktree.js')),

  at(TREES, 'commit', 'Record the state of a folder', () => import('./commands/commit.js')),
  at(TREES, 'export', 'Write a recorded state into a folder', () => import('./commands/export.js')),
  at(TREES, 'ls', 'List the files of a revision', () => import('./commands/ls.js')),
  at(TREES, 'cat', 'Print a file of a revision', () => import('./commands/cat.js')),

  at(HISTORY, 'log', 'List commits, newest first', () => import('./commands/log.js')),
  at(HISTORY, 'show', 'Show a commit and what it changed', () => import('./commands/show.js')),
  at(HISTORY, 'diff', 'Show what differs between two revisions', () => import('./commands/diff.js')),
  at(HISTORY, 'branch', 'List, create, rename or delete branches', () => import('./commands/branch.js')),
  at(HISTORY, 'tag', 'List, create or delete tags', () => import('./commands/tag.js')),
  at(HISTORY, 'reflog', 'Show where branches and tags pointed before', () => import('./commands/reflog.js')),

  at(VOLUMES, 'vg', 'Show, extend, reduce or balance the volume group', () => import('./commands/vg.js')),
  at(VOLUMES, 'pv', 'List or change physical volumes', () => import('./commands/pv.js')),
  at(VOLUMES, 'lv', 'List or convert logical volumes', () => import('./commands/lv.js')),

  at(MORE, 'completion', 'Print a script that completes varve in your shell', () => import('./commands/completion.js')),
  at(MORE, 'help', 'Explain a command or a topic', () => import('./commands/help.js')),
  at(MORE, 'version', 'Print the version', () => import('./commands/version.js')),
  { name: '__complete', summary: 'Complete the words of a command line', load: () => import('./commands/complete.js') },
]
