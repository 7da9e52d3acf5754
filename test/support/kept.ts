/** Whether what branches reach lies where their logical volumes ask for it: found by a walk, whatever the catalog says of uses. */
import { expect } from 'vitest'
import type { Repository } from '../../src/repository.js'
import { idsBelow } from '../../src/session.js'
import { arePlaced, logicalVolume } from '../../src/volume/placement.js'

/** Each chunk and object lies, at least once and with all that it is decoded through, where the branch's logical volume wants it. */
export async function expectKept(repo: Repository, branch: string): Promise<void> {
  const session = repo.parts
  const { group, store, branchVolumes } = session
  await group.refresh()
  const policy = logicalVolume(group.layout, branchVolumes.of(branch))
  const isKept = (eid: number): boolean => {
    const through = store.bounds.of(eid)?.through.keys() ?? []
    return [...through].every((each) => {
      const record = group.catalog.extent(each)
      return record && arePlaced(group.layout, [policy], record.class, group.catalog.copies(each))
    })
  }
  const { id: tip } = await repo.commit(branch)
  for await (const id of idsBelow(session, [tip], { parents: true })) {
    const places = await group.lookup([id])
    expect(
      places.some(({ eid }) => isKept(eid)),
      `${id} of ${branch}, in ${policy.name}`,
    ).toBe(true)
  }
}

export async function expectAllKept(repo: Repository): Promise<void> {
  for (const { name } of await repo.branches()) await expectKept(repo, name)
  expect((await repo.verify()).problems).toEqual([])
}
