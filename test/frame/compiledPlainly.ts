/**
 * Arguments for Node.js. Nearly all that tests run, they run a few times: V8 compiles it plainly at once, and optimises late what is run
 * much more often. As it does by itself, a fifth of the time goes to that. Node.js refuses what its V8 does not know: later ones have another name
 * for the second, or none.
 */
export const COMPILED_PLAINLY: readonly string[] = process.version.startsWith('v20.')
  ? ['--always-sparkplug', '--interrupt-budget=1000000']
  : []
