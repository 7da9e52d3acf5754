/**
 * Files of volumes, each by itself, without its group: by the same passes as a store (verifyVolumes.ts, verifyExtents.ts), as far as they
 * need no catalog. Nothing is decoded: what an extent is compressed against may lie on another volume.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import type { WorkOptions } from '../base/progress.js'
import { createHasher } from '../codec/hasher.js'
import { DEFAULT_PROFILE } from '../format/profile.js'
import { isFree, REMOVED } from '../volume/freeVolume.js'
import { LoneVolume } from '../volume/loneVolume.js'
import { Findings } from './findings.js'
import type { VerifyReport } from './verify.js'
import { ExtentCheck, type VerifiedStore } from './verifyExtents.js'
import { checkTable, checkVolumes } from './verifyVolumes.js'

export interface VerifyFilesOptions extends WorkOptions {
  readonly lockTimeoutMs: number
}

/** @throws {VarveError} `STORE_NOT_FOUND`, `FORMAT_NEWER`, `STORE_LOCKED`, `STORAGE_DENIED`, `STORAGE_READ_ONLY`, `CANCELLED` */
export async function verifyFiles(files: readonly string[], options: VerifyFilesOptions): Promise<VerifyReport> {
  const findings = new Findings(options)
  for (const file of files) {
    try {
      const lone = LoneVolume.open(file, options)
      try {
        await verifyFile(file, lone, findings)
      } finally {
        lone.close()
      }
    } catch (error) {
      if (isVarveError(error, 'STORE_NOT_FOUND', 'FORMAT_NEWER')) throw error
      findings.report(error)
    }
  }
  const { checked, problems, notes } = findings
  return { ok: problems.length === 0, checked, problems, healed: [], replaced: 0, notes }
}

async function verifyFile(file: string, lone: LoneVolume, findings: Findings): Promise<void> {
  const { profile = DEFAULT_PROFILE } = lone.layout ?? {}
  const store: VerifiedStore = {
    group: lone,
    profile,
    hasher: await createHasher(profile.hash),
    decode: () => Promise.reject(new VarveError('UNSUPPORTED', `${file} is read without its group`, { path: file })),
  }
  const extents = new ExtentCheck(store, findings, undefined, 'checksums')
  await checkVolumes(lone, findings, true)
  checkMembership(file, lone, findings)
  findings.attempt(() => {
    findings.extentsTotal = findings.checked.extents + lone.countExtents()
  })
  try {
    for (const eids of lone.pages()) {
      for await (const { eid } of extents.check(eids)) {
        findings.checked.extents++
        await findings.progress(`extent ${eid} of ${file}`)
      }
    }
    // Which chunks are needed, history says.
    await checkTable(lone, lone.self, findings, extents, { find: () => undefined })
  } catch (error) {
    findings.report(error)
  }
}

/** What its header and its layout say of each other. */
function checkMembership(file: string, { role, header, layout }: LoneVolume, findings: Findings): void {
  if (role === 'catalog') {
    findings.notes.push(`${file} is a catalog: of it, volume 0 was checked; \`varve verify\` checks the rest`)
  }
  // What is damaged was reported.
  if (!header || !layout) return
  if (isFree(header)) findings.notes.push(`${file} belongs to no group yet: \`varve vg extend\` adds it to one`)
  else if (header.vg === REMOVED) findings.notes.push(`${file} was left by a \`varve pv remove\` that did not end`)
  else if (header.vg !== layout.vg) {
    const what = `${file} says that it belongs to another group than its layout does`
    findings.report(
      new VarveError('CORRUPT', what, { path: file, pv: header.uuid, expected: layout.vg, actual: header.vg }),
    )
  } else if (!layout.physicalVolumes.some(({ uuid }) => uuid === header.uuid)) {
    findings.notes.push(`${file} was taken out of group ${layout.name}`)
  }
}
