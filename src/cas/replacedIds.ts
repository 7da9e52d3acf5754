/** Which ids are asked for in the place of those that were replaced. */
import type { Hash } from '../base/hash.js'

/** By which ids others are answered, at this moment. */
export type Replaced = () => ReadonlyMap<Hash, Hash>

export function answersTo(asked: readonly Hash[], replaced: Replaced): readonly Hash[] {
  const answers = replaced()
  return answers.size === 0 ? asked : asked.map((id) => answers.get(id) ?? id)
}

export async function* answering(
  batches: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>,
  replaced: Replaced,
): AsyncGenerator<readonly Hash[]> {
  for await (const asked of batches) yield answersTo(asked, replaced)
}
