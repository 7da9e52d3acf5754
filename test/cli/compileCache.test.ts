import { describe, expect, test } from 'vitest'
import { compileCacheOf } from '../../cli/compileCache.js'

describe('what was compiled is kept', () => {
  test.each([
    ['linux', { HOME: '/home/ann' }, '/home/ann', '/home/ann/.cache/varve/compiled'],
    ['freebsd', { HOME: '/home/ann', XDG_CACHE_HOME: '/fast' }, '/fast', '/fast/varve/compiled'],
    ['linux', { HOME: '/home/ann', XDG_CACHE_HOME: '' }, '/home/ann', '/home/ann/.cache/varve/compiled'],
    ['linux', { HOME: '/home/ann', XDG_CACHE_HOME: 'here' }, '/home/ann', '/home/ann/.cache/varve/compiled'],
    ['darwin', { HOME: '/Users/ann' }, '/Users/ann', '/Users/ann/Library/Caches/varve/compiled'],
    ['win32', { LOCALAPPDATA: 'C:\\Local' }, 'C:\\Local', 'C:\\Local\\varve\\compiled'],
  ] as const)('on %s with %o below %s', (platform, env, base, folder) => {
    expect(compileCacheOf(platform, env)).toEqual({ base, folder })
  })

  test.each([
    ['linux', {}],
    ['linux', { HOME: 'relative' }],
    ['darwin', { XDG_CACHE_HOME: '/fast' }],
    ['win32', { HOME: '/home/ann' }],
  ] as const)('on %s with %o nowhere', (platform, env) => {
    expect(compileCacheOf(platform, env)).toBeUndefined()
  })
})
