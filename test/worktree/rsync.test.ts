/**
 * A folder with one of every odd thing goes into a store and comes back, and somebody else's program looks for what is
 * different: rsync, where there is one. A walk of our own looks everywhere.
 *
 * What may differ is what docs/SHORTCOMINGS.md lists: pipes and sockets, and what of a time is less than a microsecond.
 */
import { chmodSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import {
  byRsync,
  describeFolder,
  differencesByRsync,
  factsOf,
  LEFT_OUT,
  makeOddFolder,
  ON_LINUX,
  rsyncVersion,
} from '../support/oddFolder.js'
import { createRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

async function storeAndExport(
  source: string,
  attributes: string,
): Promise<{ copy: string; left: readonly string[]; warnings: readonly string[] }> {
  const { repo, folder } = await createRepository()
  await repo.config.set('attributes', attributes)
  const { warnings: left } = await repo.commitFrom(source, { message: 'Odd things' })
  const copy = join(folder, 'copy')
  const { warnings } = await repo.export('main', copy, { owner: attributes.includes('owner') })
  const again = await repo.commitFrom(copy, { message: 'The same' })
  expect(again.commit, 'what came back is no change').toBeUndefined()
  return { copy, left, warnings }
}

test.skipIf(process.platform === 'win32')(
  `a folder of odd things comes back the same, with owners; compared by ${byRsync}`,
  async () => {
    const source = join(tempFolder(), 'source')
    await makeOddFolder(source)
    const { copy, left, warnings } = await storeAndExport(source, 'mtime,mode,owner,links')
    expect(warnings).toEqual([])
    expect(left).toEqual(LEFT_OUT.map((path) => expect.stringContaining(JSON.stringify(path))))

    const [before, after] = [describeFolder(source), describeFolder(copy)]
    for (const path of LEFT_OUT) expect(before.delete(path)).toBe(true)
    expect(factsOf(after)).toEqual(factsOf(before))
    expect(after.get('a link to large')?.facts.firstName).toBe('a link to large')
    expect(after.get('large')?.facts.firstName).toBe('a link to large')
    expect(after.get('same content')?.facts.nlink).toBe(1n)
    const { blocks = 0n } = after.get('sparse')?.stat ?? {}
    expect(Number(blocks) * 512).toBeLessThanOrEqual(MIB)

    if (rsyncVersion === undefined) return
    const missing = LEFT_OUT.map((path) => `cS+++++++++ ${path}`)
    // To the second, as it does unless told otherwise; then to the nanosecond.
    expect(differencesByRsync(source, copy)).toEqual(missing)
    const times = differencesByRsync(source, copy, '--modify-window=-1').filter((line) => !missing.includes(line))
    expect(times.map((line) => line.replace(/^\.[dLf]\.\.t\.{6} /, '')).sort()).toEqual(
      // As rsync shows them.
      ON_LINUX ? ['deep/er/', 'itself -> itself', 'mode 777'] : [],
    )
  },
)

test.skipIf(process.platform === 'win32')(
  `without owners, set-user-id and set-group-id do not come back, and all else does; compared by ${byRsync}`,
  async () => {
    const source = join(tempFolder(), 'source')
    await makeOddFolder(source)
    for (const name of ['set-user-id', 'set-group-id', 'all bits', 'set-group-id folder']) {
      const at = join(source, name)
      chmodSync(at, lstatSync(at).mode & 0o1777)
    }
    const { copy } = await storeAndExport(source, 'mtime,mode,links')
    if (rsyncVersion === undefined) {
      const facts = (root: string) => {
        const described = describeFolder(root)
        for (const path of LEFT_OUT) described.delete(path)
        return [...described].map(([path, { facts: all }]) => [path, { ...all, owner: undefined }])
      }
      expect(facts(copy)).toEqual(facts(source))
    } else {
      const missing = LEFT_OUT.map((path) => `cS+++++++++ ${path}`)
      expect(differencesByRsync(source, copy, '--no-owner', '--no-group')).toEqual(missing)
    }
  },
)
