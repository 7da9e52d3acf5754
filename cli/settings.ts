/** Settings of the store that the command line itself asks for. */
import type { Repository } from '../src/index.js'

/** The branch that is meant where none is named. */
export async function defaultBranchOf(repository: Repository): Promise<string> {
  return (await repository.config.get('default-branch')) ?? 'main'
}

/** Who commits where neither --author nor VARVE_AUTHOR says it. */
export function authorSettingOf(repository: Repository): Promise<string | undefined> {
  return repository.config.get('author')
}
