/**
 * The safety rules of docs/FORMAT.md, each switched off on purpose, and the test that must then fail.
 *
 * A row is an edit of one source file. It is made in a copy of the project, never in the project (switchOff.ts).
 */
export interface SwitchedOff {
  /** `S-1` and so on. */
  readonly rule: string
  readonly what: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  readonly test: RuleTest
  /** The simulation fails as well: on a store of so many volumes, within its first thousand schedules. */
  readonly simulated?: 1 | 3
}

export interface RuleTest {
  readonly file: string
  /** Or how it begins. */
  readonly name: string
  readonly pvs: 1 | 3
}

const WRITER = 'test/cas/storeWriter.test.ts'
const LOGICAL_VOLUMES = 'test/upkeep/logicalVolumes.test.ts'
const LOST_VOLUMES = 'test/upkeep/lostVolumes.test.ts'
const READS = 'test/crash/reads.test.ts'
const EXPORTS = 'test/worktree/exportSafety.test.ts'
const GC = 'test/upkeep/gc.test.ts'
const GC_RACES = 'test/upkeep/gcRaces.test.ts'
const BASES = 'test/cas/bases.test.ts'
const BASES_DAMAGE = 'test/cas/basesDamage.test.ts'
const BASES_KEPT = 'test/upkeep/basesKept.test.ts'

export const SWITCHED_OFF: readonly SwitchedOff[] = [
  {
    rule: 'S-1',
    what: 'payload is written after its publish was let through',
    file: 'src/volume/sqliteVolume.ts',
    find: 'for (const extent of extents) this.tables.insert(extent)\n      if (options?.recovery)',
    replace:
      'setTimeout(() => this.database.write(() => extents.forEach((extent) => this.tables.insert(extent))), 50)\n      if (options?.recovery)',
    test: { file: WRITER, name: 'the catalog names nothing while volumes are still writing', pvs: 3 },
  },
  {
    rule: 'S-5',
    what: 'recovery copies name what gc drops',
    file: 'src/upkeep/gc.ts',
    find: 'await store.group.bringRecoveryCopies()\n',
    replace: '\n',
    test: {
      file: 'test/upkeep/recoverGroup.test.ts',
      name: 'follow before gc drops anything: none names what went',
      pvs: 1,
    },
  },
  {
    rule: 'S-1',
    what: 'what a failed stage left out is forgotten',
    file: 'src/cas/staging.ts',
    find: 'lane.running = work.then(ended, ended)',
    replace: 'lane.running = work.then(ended, () => { lane.waiting = []; ended() })',
    test: { file: 'test/crash/faults.test.ts', name: 'S-1: any one call of stage fails', pvs: 3 },
  },
  {
    rule: 'S-1',
    what: 'what moves a ref is not synced',
    file: 'src/cas/storeWriter.ts',
    find: 'move === undefined && group.isOneFile',
    replace: 'group.isOneFile',
    test: { file: 'test/cas/durability.test.ts', name: 'the batch that moves a ref is synced', pvs: 1 },
  },
  {
    rule: 'S-2',
    what: 'publishing asks for no lease',
    file: 'src/volume/lease.ts',
    find: "kind <> 'swept'\", this.id) === undefined",
    replace: "kind <> 'swept'\", this.id) === null",
    test: { file: WRITER, name: 'a writer whose lease was ended publishes nothing', pvs: 1 },
  },
  {
    rule: 'S-2',
    what: 'the first lookup comes before the lease',
    file: 'src/cas/storeWriter.ts',
    find: "this.lease = Lease.take(group.catalog, 'writer', this.store.clock)",
    replace:
      "await this.store.find(this.pending.map(({ id }) => id))\n      this.lease = Lease.take(group.catalog, 'writer', this.store.clock)",
    test: { file: WRITER, name: 'a large writer has its lease row before its first lookup', pvs: 1 },
  },
  {
    rule: 'S-2',
    what: 'leases of living writers are swept',
    file: 'src/volume/lease.ts',
    find: ' && !isAlive(lease.pid)',
    replace: '',
    test: { file: WRITER, name: 'and not before its process is gone', pvs: 3 },
    simulated: 3,
  },
  {
    rule: 'S-3',
    what: 'hits are not looked at again when publishing',
    file: 'src/cas/knownHits.ts',
    find: 'if (epoch === this.#epoch && unserving.length === 0) return []',
    replace: 'if (epoch >= 0) return []',
    test: { file: WRITER, name: 'a hit that gc took after the lookup is stored again (large)', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-3',
    what: 'condemned hits of a large writer are not revived',
    file: 'src/cas/knownHits.ts',
    find: 'if (isAnyCondemned(tx)) revive(tx, [...this.#hits.keys()].filter(isCondemned))',
    replace: 'isCondemned',
    test: { file: WRITER, name: 'a hit condemned after its lookup is revived (large)', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-3',
    what: 'condemned hits of a small writer are not revived',
    file: 'src/cas/storeWriter.ts',
    find: 'if (anyCondemned) revive(tx, [item.id])',
    replace: '',
    test: { file: WRITER, name: 'a condemned hit is revived (small)', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-3',
    what: 'bases of a large writer are not looked at again when publishing',
    file: 'src/cas/storeWriter.ts',
    find: '        if (group.hasOldLayout || this.hasLost()) return { again: [] }\n',
    replace: '',
    test: { file: BASES, name: 'large: what was compressed against it is stored once more', pvs: 1 },
  },
  {
    rule: 'S-3',
    what: 'bases of a small writer are not looked at again when publishing',
    file: 'src/cas/basedCompression.ts',
    find: '.filter(({ eid }) => catalog.isVisible(eid))',
    replace: '',
    test: { file: BASES, name: 'small: what was to be compressed against it is published all the same', pvs: 1 },
  },
  {
    rule: 'S-3',
    what: 'an extent takes a number that was reserved before its bases were there',
    file: 'src/volume/lease.ts',
    find: ' || this.nextEid <= above',
    replace: '',
    test: { file: BASES, name: 'what was published since a writer reserved its numbers is a base for it', pvs: 1 },
  },
  {
    rule: 'S-4',
    what: 'what becomes reachable is not revived',
    file: 'src/cas/makeReachable.ts',
    find: 'revive(tx, revived)',
    replace: '',
    test: { file: WRITER, name: 'a chunk condemned while its writer was at work is revived', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-4',
    what: 'what is gone may become reachable',
    file: 'src/cas/makeReachable.ts',
    find: 'if (!found.has(id)) {',
    replace: 'if (id === undefined) {',
    test: { file: WRITER, name: 'what is taken over from elsewhere is revived, and refused when it is gone', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'roots are not compared again when condemning and dropping',
    file: 'src/upkeep/gc.ts',
    find: 'rootsStamp(tx) === marking.stamp ? { value: body(tx, marking) } : undefined',
    replace: '({ value: body(tx, marking) })',
    test: { file: GC_RACES, name: 'a branch that is made after the marking keeps all it reaches', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'what working folders stand at is not marked',
    file: 'src/upkeep/gcRoots.ts',
    find: 'if (head !== undefined) roots.push',
    replace: 'if (head === null) roots.push',
    test: { file: GC, name: 'all history of branches and tags, and what a detached folder stands at', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'what was condemned after a lease began is dropped',
    file: 'src/upkeep/gc.ts',
    find: 'if (oldestLease !== undefined && epoch > oldestLease) return false',
    replace: '',
    test: { file: GC, name: 'S-5: what is condemned after a lease began stays as long as that lives', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'no grace is given',
    file: 'src/upkeep/gc.ts',
    find: 'return this.#options.now === true || ',
    replace: 'return this.#storeMs >= 0 || ',
    test: { file: GC, name: 'kept for the grace period, then dropped', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'a clock that leaps is believed',
    file: 'src/upkeep/storeClock.ts',
    find: 'Math.min(Math.max(nowMs - before.seenMs, 0), STEP_MS_MAX)',
    replace: 'Math.max(nowMs - before.seenMs, 0)',
    test: { file: GC, name: 'S-5: a clock that leaps by years brings nothing to its end', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'gc goes on although marking failed',
    file: 'src/upkeep/marking.ts',
    find: 'throw withRoot(error, root.name)',
    replace: 'withRoot(error, root.name)',
    test: { file: GC_RACES, name: 'S-5: when marking fails, nothing is condemned and nothing is dropped', pvs: 1 },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'gc goes on although something that is needed is missing',
    file: 'src/upkeep/gc.ts',
    find: 'await walked.requireFound()\n',
    replace: '\n',
    test: { file: GC, name: 'when a chunk that is needed is in no chunk table', pvs: 1 },
  },
  {
    rule: 'S-5',
    what: 'gc drops by the sets that were kept, and walks nothing',
    file: 'src/upkeep/gc.ts',
    find: 'const walked = new WalkedMarking(this.#context, this.#markOptions())',
    replace:
      'const walked = (kept ? Object.assign(kept.marking, { find: (row: ChunkLocation) => kept.marking.has(row), hasId: () => true, requireFound: async () => undefined }) : new WalkedMarking(this.#context, this.#markOptions())) as WalkedMarking',
    test: {
      file: 'test/upkeep/historyBitmaps.test.ts',
      name: 'S-5: what a wrong set calls dead is condemned at most, and kept by the walk',
      pvs: 1,
    },
  },
  {
    rule: 'S-5',
    what: 'what was stored anew is taken for what was condemned',
    file: 'src/upkeep/gc.ts',
    find: 'return state?.chunkId === row.chunkId && this.#isRipe(state, oldestLease)',
    replace: 'return state !== undefined && this.#isRipe(state, oldestLease)',
    test: {
      file: GC_RACES,
      name: 'S-5: what was stored anew under another number is not condemned by the old one',
      pvs: 1,
    },
  },
  {
    rule: 'S-5',
    what: 'an extent whose chunk table lost rows is worked on',
    file: 'src/upkeep/rewritePlan.ts',
    find: 'let isFixed = rows !== record.chunks',
    replace: 'let isFixed = rows === -1',
    test: { file: GC_RACES, name: 'S-5: an extent whose chunk table lost rows is left alone', pvs: 1 },
  },
  {
    rule: 'S-5',
    what: 'a volume drops an extent before the catalog forgets it',
    file: 'src/upkeep/gc.ts',
    find: 'const retired = await this.#guarded((tx, marking) => {',
    replace:
      'for (const { record, pv } of going) await group.volume(pv)?.remove([record.eid])\n    const retired = await this.#guarded((tx, marking) => {',
    test: { file: GC_RACES, name: 'S-5: the catalog forgets an extent before a volume drops it', pvs: 3 },
    simulated: 3,
  },
  {
    rule: 'S-5',
    what: 'what writers are about to publish is dropped as left over',
    file: 'src/volume/retire.ts',
    find: '!catalog.hasCopy(eid, volume.number) && !isReserved(eid)',
    replace: '!catalog.hasCopy(eid, volume.number) && !isReserved(-eid)',
    test: { file: GC_RACES, name: 'S-5: what a writer has staged and not published yet stays', pvs: 3 },
    simulated: 3,
  },
  {
    rule: 'S-5',
    what: 'what is decoded through an extent is not rewritten with it',
    file: 'src/upkeep/rewrite.ts',
    find: 'coming.push(...catalog.dependants(eid))',
    replace: '',
    test: { file: BASES_KEPT, name: 'rewrites what is partly dead with all that hangs on it', pvs: 1 },
  },
  {
    rule: 'S-5',
    what: 'an extent goes that others were compressed against meanwhile',
    file: 'src/upkeep/switchExtents.ts',
    find: 'if (catalog.dependants(eid).every((dependant) => leaving.has(dependant))) leaving.add(eid)',
    replace: 'leaving.add(eid)',
    test: {
      file: BASES_KEPT,
      name: 'S-5: an extent stays that something was compressed against while it was rewritten',
      pvs: 1,
    },
    simulated: 1,
  },
  {
    rule: 'S-5',
    what: 'rows of bases are believed, whatever is missing',
    file: 'src/upkeep/switchExtents.ts',
    find: '  catalog.requireBases()\n  const noted',
    replace: '  const noted',
    test: { file: BASES_KEPT, name: 'verify says so, and nothing that moves extents touches them', pvs: 1 },
  },
  {
    rule: 'S-5',
    what: 'what an erasure destroys stays in the dictionaries of what is kept',
    file: 'src/upkeep/eraseDestroy.ts',
    find: 'keeps: ({ hash }) => this.#live.has(hash),',
    replace: 'keeps: () => true,',
    test: { file: BASES_KEPT, name: 'takes what is kept along, where that is compressed against what goes', pvs: 1 },
  },
  {
    rule: 'S-6',
    what: 'a chain of bases is followed to its end',
    file: 'src/cas/bases.ts',
    find: 'if (bases.length > 0 && left === 0) throw tooDeep(asked)',
    replace: '',
    test: { file: BASES_DAMAGE, name: 'a chain of tens of thousands is refused, and not followed', pvs: 1 },
  },
  {
    rule: 'S-6',
    what: 'a dictionary may be of any length',
    file: 'src/cas/bases.ts',
    find: 'if (bytes > DECODED_BYTES_MAX) throw',
    replace: 'if (bytes < 0) throw',
    test: { file: BASES_DAMAGE, name: 'one slot, a million times', pvs: 1 },
  },
  {
    rule: 'S-6',
    what: 'a damaged copy is left as it is',
    file: 'src/cas/chunkStore.ts',
    find: 'for (const pv of damaged) await this.heal(extent, stored, pv)',
    replace: '',
    test: { file: 'test/volume/heal.test.ts', name: 'the other one is read, and takes its place', pvs: 1 },
  },
  {
    rule: 'S-6',
    what: 'what is not wanted any more is brought back',
    file: 'src/volume/heal.ts',
    find: ' || !catalog.hasCopy(eid, pv)',
    replace: '',
    test: {
      file: 'test/volume/heal.test.ts',
      name: 'what the catalog has dropped meanwhile is not brought back',
      pvs: 1,
    },
  },
  {
    rule: 'S-6',
    what: 'bytes are not compared with their id',
    file: 'src/cas/chunkStore.ts',
    find: 'if (!bytes || actual !== id) {',
    replace: 'if (!bytes) {',
    test: { file: READS, name: 'a chunk table that points at another chunk is noticed by the id', pvs: 1 },
  },
  {
    rule: 'S-6',
    what: 'stored bytes are not compared with their checksum',
    file: 'src/volume/payloadTables.ts',
    find: 'if (!actual.equals(row.checksum)) {',
    replace: 'if (actual.length === 0) {',
    test: { file: READS, name: 'stored bytes that changed are noticed by their checksum', pvs: 1 },
  },
  {
    rule: 'S-6',
    what: 'other copies are not tried',
    file: 'src/volume/readExtent.ts',
    find: 'for (const pv of readingOrder(eid, copies)) {',
    replace: 'for (const pv of readingOrder(eid, copies).slice(0, 1)) {',
    test: { file: READS, name: 'a damaged copy is passed over for a sound one', pvs: 3 },
    simulated: 3,
  },
  {
    rule: 'S-6',
    what: 'a copy goes before one that stays was read',
    file: 'src/upkeep/stepReader.ts',
    find: 'if (add.length === 0) return await this.#isKept(step)',
    replace: 'if (add.length === 0) return { checked: async () => ({ step, extent: undefined }) }',
    test: { file: LOGICAL_VOLUMES, name: 'is never the one that is kept alone, whichever it is', pvs: 1 },
  },
  {
    rule: 'S-1',
    what: 'what lies on a volume that was taken out of the group is published',
    file: 'src/cas/storeWriter.ts',
    find: 'if (group.hasOldLayout || this.hasLost()) return',
    replace: 'if (this.hasLost()) return',
    test: {
      file: LOST_VOLUMES,
      name: 'a writer that brought something there before it went stores it elsewhere',
      pvs: 1,
    },
  },
  {
    rule: 'S-7',
    what: 'a failed transaction leaves what it did',
    file: 'src/volume/sqlite.ts',
    find: "if (durability === 'full') return this.whenFree(body)",
    replace: "if (durability === 'full') return body()",
    test: { file: WRITER, name: 'a failing publish leaves nothing visible', pvs: 1 },
  },
  {
    rule: 'S-7',
    what: 'a full disk is not told from damage',
    file: 'src/volume/sqlite.ts',
    find: "if (code === 'SQLITE_FULL' || ",
    replace: 'if (',
    test: { file: 'test/crash/fullDisk.test.ts', name: 'drafts: STORAGE_FULL', pvs: 1 },
  },
  {
    rule: 'S-7',
    what: 'a lock is not told from damage',
    file: 'src/volume/sqlite.ts',
    find: "if (code.startsWith('SQLITE_BUSY') || ",
    replace: 'if (',
    test: { file: 'test/crash/locked.test.ts', name: 'commits end with STORE_LOCKED', pvs: 1 },
  },
  {
    rule: 'S-7',
    what: 'a newer format is read as if it were this one',
    file: 'src/volume/sqliteVolume.ts',
    find: 'if (version < OLDEST_FORMAT || version > newest) {',
    replace: 'if (version < OLDEST_FORMAT) {',
    test: { file: 'test/volume/volumeGroup.test.ts', name: 'a newer format', pvs: 1 },
  },
  {
    rule: 'S-8',
    what: 'names that lead elsewhere are not refused',
    file: 'src/worktree/exportChecks.ts',
    find: 'for (const each of [reason, unsafeTargetReason(step.entry)]) {',
    replace: 'for (const each of [unsafeTargetReason(step.entry)]) {',
    test: { file: EXPORTS, name: 'a store is never planted, at no depth and in no disguise', pvs: 1 },
  },
  {
    rule: 'S-8',
    what: 'a symlink is entered like a folder',
    file: 'src/worktree/treeWriter.ts',
    find: "if (stat?.type !== 'directory') throw unsafe(",
    replace: 'if (!stat) throw unsafe(',
    test: { file: EXPORTS, name: 'one that appears where a folder is about to be entered is not followed', pvs: 1 },
  },
  {
    rule: 'S-8',
    what: 'symlinks are made as they come',
    file: 'src/worktree/treeSteps.ts',
    find: "else if (kind === 'symlink') directory.symlinks.push(stepOf('entry', path, next.value))",
    replace: "else if (kind === 'symlink') yield stepOf('entry', path, next.value)",
    test: { file: EXPORTS, name: 'are made last in their folder', pvs: 1 },
  },
]
