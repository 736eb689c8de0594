// What `index.js` adds to the generated types.

import type { Table } from './native'

export * from './native'

declare module './native' {
  interface TableReader extends AsyncIterable<Table> {}
  /** Leaving the loop stops it. */
  interface Follower extends AsyncIterable<Table> {}
  /** Leaving the loop stops it. */
  interface Collector extends AsyncIterable<Table> {}
}

/** Kind of a failure; the same words in Rust and Python. */
export type ErrorKind =
  | 'invalid_argument'
  | 'shape_mismatch'
  | 'not_finite'
  | 'schema_mismatch'
  | 'bad_record'
  | 'insufficient_data'
  | 'incompatible_format'
  | 'corrupt_artifact'
  | 'policy'
  | 'io'
  /** A bug in this package. */
  | 'internal'

/** Every failure of this package. */
export class QosguardError extends Error {
  readonly name: 'QosguardError'
  /** Kind of the failure. */
  readonly code: ErrorKind
}
