import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Suites that take longest, longest first. Others follow by the length of their files. */
const SLOW = [
  'volume/groupModel',
  'folder/model',
  'docs/examples',
  'frame/packed',
  'folder/transitions',
  'history/textDiff',
  'volume/volumeGroup',
  'folder/hostileSymlinks',
]

/**
 * Project by project, because a process runs suites of one project only, and what it has loaded is loaded once; in each of them slow
 * suites first, so that all processes are done at about the same time.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = await super.sort(files)
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = SLOW.findIndex((name) => moduleId.endsWith(`test/${name}.test.ts`))
      return place < 0 ? SLOW.length : place
    }
    const projects = ['simulation', 'one-pv', 'three-pv']
    const projectOf = ({ project }: TestSpecification): number => projects.indexOf(project.name)
    return bySize.sort((a, b) => projectOf(a) - projectOf(b) || placeOf(a) - placeOf(b))
  }
}
