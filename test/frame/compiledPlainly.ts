/**
 * Arguments for Node.js. Nearly all that tests run, they run a few times: V8 compiles it plainly at once, and optimises late what is run
 * much more often. As it does by itself, a fifth of the time goes to that.
 */
export const COMPILED_PLAINLY: readonly string[] = ['--always-sparkplug', '--interrupt-budget=1000000']
