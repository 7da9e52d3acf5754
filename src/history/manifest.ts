/** File contents: written, read, edited and compared. The parts are in the files named here. */
export { changedBytes } from './contentDiff.js'
export { readContent, readWhole } from './contentRead.js'
export { spliceContent, truncateContent } from './contentSplice.js'
export { writeContent, writeSymlinkTarget } from './contentWrite.js'
