/** Retention applied to a store: what goes loses its files, says so, and nothing else changes. */
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { DAY_MS, HOUR_MS } from '../../src/base/units.js'
import { pseudoRandom } from '../codec/inputs.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'

/** One commit a day on `main`, oldest first; each has a file of its own. */
async function daily(days: number) {
  let nowMs = Date.UTC(2026, 0, 1, 12)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const store = await createRepository({ clock })
  const ids: string[] = []
  for (let day = 0; day < days; day++) {
    ids.push(
      await commitFiles(store.repo, { file: pseudoRandom(100_000, day), [`day ${day}`]: `${day}` }, `day ${day}`),
    )
    nowMs += DAY_MS
  }
  nowMs -= DAY_MS - HOUR_MS
  return { ...store, ids, clock, wait: (ms: number) => (nowMs += ms) }
}

test('what goes loses its files, is told so, and its space comes back; all else stays', async () => {
  const { repo, path, ids } = await daily(10)
  const before = await repo.verify()
  const dry = await repo.prune({ keepLast: 2, keepWeekly: 2, dryRun: true })
  expect(await collect(repo.log())).toEqual(await collect(repo.log()))
  const { pruned, policy, branches } = await repo.prune({ keepLast: 2, keepWeekly: 2 })
  expect(dry).toMatchObject({ pruned, branches, policy })
  expect(policy).toBe('keep last 2, weekly 2')
  // The tip, the one before it, and the Sunday of the first week.
  const stays = [9, 8, 3].map((day) => ids[day])
  expect(ids.filter((id) => !pruned.includes(id as never)).reverse()).toEqual(stays)
  expect(branches[0]?.commits.map(({ reasons }) => reasons.length > 0)).toEqual(
    [...ids].reverse().map((id) => stays.includes(id)),
  )
  const log = await collect(repo.log())
  expect(log.map(({ id }) => id)).toEqual([...ids].reverse())
  for (const { id, message, pruned: was } of log) {
    expect(message).toMatch(/^day \d$/)
    if (stays.includes(id)) expect(was).toBeUndefined()
    else expect(was).toMatchObject({ policy })
  }
  await repo.gc({ now: true })
  expect((await repo.verify()).problems).toEqual([])
  expect((await repo.verify()).checked.commits).toBe(before.checked.commits)
  expect((await repo.stats()).storedBytes).toBeLessThan(350_000)
  const again = await openRepository(path, { readOnly: true })
  for (const day of [9, 8, 3]) {
    const content = await (await again.at(ids[day] as string)).read('file')
    expect(content.equals(pseudoRandom(100_000, day))).toBe(true)
  }
  await expect(again.at(ids[5] as string)).rejects.toMatchObject({
    code: 'PRUNED',
    message: expect.stringMatching(/were pruned on 2026-01-10, by keep last 2, weekly 2$/),
  })
  await expect(again.at('main~4')).rejects.toMatchObject({ code: 'PRUNED' })
})

test('done again it changes nothing; commits that went take no place among those that are counted', async () => {
  const { repo } = await daily(8)
  const first = await repo.prune({ keepLast: 3 })
  expect(first.pruned).toHaveLength(5)
  const second = await repo.prune({ keepLast: 3 })
  expect(second.pruned).toEqual([])
  expect(second.branches[0]?.commits).toHaveLength(3)
  await commitFiles(repo, { more: 'm' })
  expect((await repo.prune({ keepLast: 3 })).pruned).toHaveLength(1)
})

test('history of a path is compared with the commits that still have files', async () => {
  const { repo, ids } = await daily(6)
  await commitFiles(repo, { other: 'o' }, 'other')
  await repo.prune({ keepLast: 1, keepWeekly: 2 })
  await repo.gc({ now: true })
  // The Sunday, and the tip, whose file differs from that.
  const touched = await collect(repo.log({ path: 'file' }))
  expect(touched.map(({ message }) => message)).toEqual(['other', 'day 3'])
  expect(touched[1]?.id).toBe(ids[3])
})

describe('what nobody may take away', () => {
  test('tips, tags, what folders stand at, and what other branches have', async () => {
    const { repo, ids } = await daily(8)
    await repo.createTag('v1', ids[1] as string)
    await repo.createBranch('old', ids[2] as string)
    const { session } = { session: repo.parts }
    session.worktrees.add(session.group.catalog, {
      id: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
      path: '/somewhere',
      branch: undefined,
      head: ids[5] as never,
    })
    const all = await repo.prune({ keepLast: 1, dryRun: true })
    expect(all.pruned.map((id) => ids.indexOf(id)).sort()).toEqual([0, 3, 4, 6])
    const reasonsOf = (index: number) =>
      all.branches.find(({ name }) => name === 'main')?.commits.find(({ id }) => id === ids[index])?.reasons
    expect(reasonsOf(1)).toEqual(['tag v1'])
    expect(reasonsOf(2)).toEqual(expect.arrayContaining(['tip of old']))
    expect(reasonsOf(5)).toEqual(['HEAD of /somewhere'])
    expect(reasonsOf(7)).toEqual(['tip of main', 'last 1'])
    // `old` is left out: all it has stays.
    const main = await repo.prune({ keepLast: 1, branches: ['ma*'], dryRun: true })
    expect(main.pruned.map((id) => ids.indexOf(id)).sort()).toEqual([3, 4, 6])
    // Tags that are named are those that keep.
    await repo.createTag('other', ids[3] as string)
    const tags = await repo.prune({ keepLast: 1, keepTags: ['v*'], dryRun: true })
    expect(tags.pruned.map((id) => ids.indexOf(id)).sort()).toEqual([0, 3, 4, 6])
  })

  test('a commit that was pruned gets no branch, tag or folder', async () => {
    const { repo, ids } = await daily(3)
    await repo.prune({ keepLast: 1 })
    await expect(repo.createBranch('back', ids[0] as string)).rejects.toMatchObject({ code: 'PRUNED' })
    await expect(repo.createTag('back', ids[0] as string)).rejects.toMatchObject({ code: 'PRUNED' })
    expect((await repo.branches()).map(({ name }) => name)).toEqual(['main'])
  })

  test('a branch that is made at a commit while it is pruned: one of the two is refused', async () => {
    const { repo, path, ids } = await daily(3)
    const other = await openRepository(path)
    const [prune, branch] = await Promise.allSettled([
      repo.prune({ keepLast: 1 }),
      other.createBranch('back', ids[0] as string),
    ])
    expect([prune.status, branch.status]).toContain('rejected')
    const isPruned = prune.status === 'fulfilled'
    expect((await other.branches()).length).toBe(isPruned ? 1 : 2)
  })
})

test.each([
  { options: {}, message: 'this policy keeps nothing' },
  { options: { keepLast: 0 }, message: 'this policy keeps nothing' },
  { options: { keepLast: -1 }, message: 'keepLast is a whole number' },
  { options: { keepLast: 1, branches: ['nope*'] }, message: 'no branch matches "nope*"' },
  { options: { keepTags: ['v*'] }, message: 'no tag matches "v*"' },
  { options: { keepLast: 1, branches: ['[ab]'] }, message: 'no branch can match' },
])('$options is refused: $message', async ({ options, message }) => {
  const { repo } = await daily(2)
  await expect(repo.prune(options)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(message),
  })
  expect((await collect(repo.log())).every(({ pruned }) => pruned === undefined)).toBe(true)
})

test('a working folder goes on from pruned history', async () => {
  const { repo, ids } = await daily(4)
  await repo.prune({ keepLast: 1 })
  await repo.gc({ now: true })
  const next = await commitFiles(repo, { file: 'after' }, 'after')
  expect((await repo.commit(next)).parents).toEqual([ids[3]])
  await repo.createBranch('side', 'main~1')
  expect((await repo.verify()).problems).toEqual([])
})
