/**
 * When a process of this machine began. Systems give the number of a process that is gone to another one, and a machine
 * or a container that was started anew begins with the same numbers again: the moment tells them apart.
 */
import { errorCodeOf } from './faults.js'
import { nodeFileSystem } from './nodeFileSystem.js'

/** More than the system tells of a process. */
const BYTES_MAX = 4096
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** Counted behind the process's name, which may hold spaces and brackets. */
const START_FIELD = 19

let ours: { readonly begin: string | undefined } | undefined

/** Equal for one process however often it is asked. `undefined` where the system does not tell, as only Linux does. */
export function processBegin(pid: number): string | undefined {
  if (pid !== process.pid) return beginOf(pid)
  ours ??= { begin: beginOf(pid) }
  return ours.begin
}

function beginOf(pid: number): string | undefined {
  const boot = readText(BOOT_ID)
  const about = readText(`/proc/${pid}/stat`)
  const start = about?.slice(about.lastIndexOf(')') + 2).split(' ')[START_FIELD]
  return boot === undefined || start === undefined ? undefined : `${boot.trim()} ${start}`
}

/** From the system itself, whatever file system the working folder is on. */
function readText(path: string): string | undefined {
  try {
    const file = nodeFileSystem.open(Buffer.from(path), 'read')
    try {
      const bytes = Buffer.alloc(BYTES_MAX)
      return bytes.toString('latin1', 0, file.readSync(bytes, 0, bytes.length, 0))
    } finally {
      file.closeSync()
    }
  } catch (error) {
    // The process may be gone, or nothing like it be there: then the number is all there is to go by.
    if (errorCodeOf(error) === undefined) throw error
    return undefined
  }
}
