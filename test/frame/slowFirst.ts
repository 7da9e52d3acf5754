import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Longer than all others: begun at once, it is not what the others are done and wait for. */
const LONGEST = 'volume/groupModel'
/** These start hundreds of processes. One that has run many suites has half a GiB, and takes ten times as long to start another. */
const STARTING_MANY = [
  'folder/transitions',
  'folder/tidyAsGit',
  'history/textDiff',
  'history/wordDiff',
  'worktree/ignoreAsGit',
  'cli/diffText',
  'cli/process',
  'docs/examples',
]
const SLOW = ['folder/model', 'frame/packed', 'crash/gcKill', 'crash/damage', 'crash/kill']
const FIRST = [LONGEST, ...STARTING_MANY, ...SLOW]

/**
 * Project by project, because a process runs suites of one project only, and what it has loaded is loaded once; in each of them those
 * named above first. Others follow by the length of their files, so that all processes are done at about the same time.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byLength = await super.sort(files)
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = FIRST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
      return place < 0 ? FIRST.length : place
    }
    const projects = ['simulation', 'one-pv', 'three-pv']
    const projectOf = ({ project }: TestSpecification): number => projects.indexOf(project.name)
    return byLength.sort((a, b) => projectOf(a) - projectOf(b) || placeOf(a) - placeOf(b))
  }
}
