/**
 * Refuses a Node.js that varve does not run on, before anything native loads.
 *
 * Model: importing this module is the check, so `src/index.ts` imports it first; modules are evaluated in the
 * order of their imports, and an error here keeps every later one from running. It imports nothing itself.
 * `cli/varve.cjs` says the same in syntax that old Nodes can parse; `engines` in package.json says it to npm.
 * A test holds the three together.
 *
 * Limitation: Node *links* all modules before it evaluates the first. So no module of the library may import by name
 * what an old `node:` module lacks (`crc32`, `hash`): that would fail with Node's message instead of ours.
 */

/** The oldest release of each line that has what varve needs; every line from `newestMajor` on is taken. */
const OLDEST = [
  { major: 20, minor: 19 },
  { major: 22, minor: 14 },
] as const
const NEWEST_LISTED_MAJOR = 22

/** In words, for messages. */
const SUPPORTED_TEXT = '20.19 or later in the 20 line, or 22.14 or later'

/** @returns The reason why varve does not run on `version` (`v22.14.0`), or `undefined` when it does. */
export function unsupportedNodeReason(version: string): string | undefined {
  const [major = Number.NaN, minor = Number.NaN] = version.replace(/^v/, '').split('.').map(Number)
  const supported = major > NEWEST_LISTED_MAJOR || OLDEST.some((line) => line.major === major && minor >= line.minor)
  return supported ? undefined : `varve needs Node.js ${SUPPORTED_TEXT}; this is ${version}.`
}

const reason = unsupportedNodeReason(process.version)
if (reason !== undefined) {
  // Not a VarveError: its module, too, must not have to load.
  throw new Error(reason)
}
