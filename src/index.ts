/** The whole public interface of varve. */
import './base/supportedNode.js'

export {
  CorruptionError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  isVarveError,
  VarveError,
} from './base/errors.js'
export { type Hash, isHash, parseHash, shortHash } from './base/hash.js'
export type { OnProgress, Progress, WorkOptions } from './base/progress.js'
export { formatSize, parseDuration, parseSize } from './base/units.js'
export type { Batch, BatchOptions } from './batch.js'
export type { BranchDraft, DraftCommitOptions } from './branchDraft.js'
export type { CacheStats } from './cas/adaptiveCache.js'
export type { StoreCacheStats } from './cas/chunkStore.js'
export type { FolderHead, InterruptedSwitch } from './folderState.js'
export type { RestoreOptions, RestoreResult, SwitchOptions, SwitchResult } from './folderSwitch.js'
export type {
  CleanOptions,
  CleanResult,
  KeptPath,
  MovedPath,
  MovePathsOptions,
  MovePathsResult,
  RemovePathsOptions,
  RemovePathsResult,
  TidiedPath,
} from './folderTidy.js'
export type { Attributes } from './format/attributes.js'
export type { Signature } from './format/commit.js'
export type { StoreProfile } from './format/profile.js'
export type { Change, ChangeKind, DiffOptions, EntrySummary } from './history/changes.js'
export type { CommitInfo } from './history/commits.js'
export type { FileData, WriteOptions } from './history/draft.js'
export type { EntryInfo } from './history/entries.js'
export type { PathLike } from './history/paths.js'
export type { Snapshot, StreamOptions } from './history/snapshot.js'
export {
  type DiffHunk,
  type DiffLine,
  isBinary,
  type TextDiff,
  type TextDiffOptions,
  textDiff,
} from './history/textDiff.js'
export { type WordRun, wordDiff } from './history/wordDiff.js'
export type { ReplaceOptions } from './redactVerbs.js'
export type { BranchVolume } from './refs/branchVolumes.js'
export type { AttributeName, PropertyInfo, PropertyName } from './refs/properties.js'
export type { OperationInfo, RefInfo, ReflogEntry } from './refs/refs.js'
export { type CreateOptions, type LogOptions, type OpenOptions, Repository } from './repository.js'
export type { CommitFromOptions, CommitFromResult } from './treeCommit.js'
export type { ExtentPlace, UnreadableObject } from './upkeep/asked.js'
export type { Amount } from './upkeep/census.js'
export type { DefragmentOptions, DefragmentReport } from './upkeep/defragment.js'
export type { DoctorFinding, DoctorReport, DoctorTopic } from './upkeep/doctor.js'
export type { EraseOptions, EraseResult } from './upkeep/erase.js'
export type { ErasureCheck, ErasureFinding } from './upkeep/eraseCheck.js'
export type { ErasureReport, KeptContent } from './upkeep/eraseReport.js'
export type { ExplainOptions, Explanation } from './upkeep/explain.js'
export type { Fate, Keeper } from './upkeep/fate.js'
export type { HealedCopy, VerifyCounts, VerifyProblem } from './upkeep/findings.js'
export type { FoundCommit } from './upkeep/foundCommits.js'
export type { GcChange, GcOptions, GcReport } from './upkeep/gcReport.js'
export type { CreateLogicalVolumeOptions, SizeChange } from './upkeep/logicalVolumeChanges.js'
export type { ConvertOptions, ConvertReport, LogicalVolumeInfo, PolicyChange } from './upkeep/logicalVolumes.js'
export type { LogicalVolumeTiers, TieredAmount, TierReport } from './upkeep/logicalVolumeTiers.js'
export type { MoveCopiesOptions, MoveCopiesReport } from './upkeep/moveCopies.js'
export type { PackOptions, PackReport } from './upkeep/pack.js'
export type { CopyTally, PlaceCopiesOptions, PlaceCopiesReport } from './upkeep/placeCopies.js'
export type { PruneOptions, PruneResult, PruneVerdict } from './upkeep/prune.js'
export {
  type MovedRef,
  type RecoverGroupOptions,
  type RecoverGroupReport,
  recoverVolumeGroup,
} from './upkeep/recoverGroup.js'
export type { ReplacementInfo } from './upkeep/replace.js'
export type { RestoreVolumeReport } from './upkeep/restoreVolume.js'
export type { RetentionPolicy } from './upkeep/retention.js'
export type { ScrubOptions, ScrubReport } from './upkeep/scrub.js'
export type { ScrubResult, ScrubRound, ScrubStatus } from './upkeep/scrubState.js'
export type { SpaceBytes, SpaceReport, SpaceUse } from './upkeep/space.js'
export type { StoreStats } from './upkeep/stats.js'
export type { TierUse } from './upkeep/tierPlan.js'
export type { VerifyOptions, VerifyReport } from './upkeep/verify.js'
export type { WhichFile, WhichOptions, WhichResult, WhichRoot } from './upkeep/which.js'
export type { FreeVolume } from './volume/freeVolume.js'
export type { ExtentMapEntry, PhysicalVolumeInfo, VolumeChange, VolumeGroupInfo } from './volume/groupInfo.js'
export type { ImportableGroup } from './volume/importGroup.js'
export type { ReduceOptions, ReduceReport } from './volume/layoutChanges.js'
export type { RemovableVolume } from './volume/removeVolume.js'
export type { GroupSpace } from './volume/space.js'
export {
  checkPhysicalVolumes,
  createPhysicalVolumes,
  type ImportOptions,
  importVolumeGroup,
  removePhysicalVolumes,
} from './volumeFiles.js'
export { type FolderCommitOptions, type FolderStatus, type RepairOptions, WorkingFolder } from './workingFolder.js'
export type { ExportedTree, ExportTreeOptions } from './worktree/exportTree.js'
export type { UnreadableFile } from './worktree/readFailure.js'
