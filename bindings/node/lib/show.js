'use strict'

// What `console.log` shows of each class, and what becomes of an instance that is sent to another thread.

const { inspect } = require('node:util')

const names = (columns) => columns.map(({ name }) => name)

/** What is shown of an instance, by class. */
const SHOWN = {
  Assessment: ({ length, anomalies, members, experts, imputed, decisions }) => ({ length, anomalies, members, experts, imputed, decisions }),
  Collector: ({ address, counts }) => ({ address, counts }),
  Detector: (detector) => detector.toObject(),
  FittedDetector: ({ nFeatures, classes, members, experts }) => ({ nFeatures, classes, members: names(members), experts }),
  Follower: ({ schema, counts }) => ({ schema: schema?.name ?? null, counts }),
  Guard: ({ schema, featureNames, threshold, training, families, policy, digest }) => ({
    schema: schema.name, featureNames, threshold, training, families, dryRun: policy.toObject().dry_run, digest,
  }),
  GuardExplanation: ({ base, columns, scores }) => ({ base, columns, length: scores.length }),
  Ledger: ({ decisions, ended, counts, head }) => ({ decisions, ended, counts, head }),
  Plan: ({ now, hosts, entries, skipCounts }) => ({ now, hosts, entries, skipCounts }),
  Policy: (policy) => policy.toObject(),
  Schema: ({ name, columns }) => ({ name, columns: columns.map((column) => `${column.name}: ${column.kind} ${column.role}`) }),
  Split: ({ family, train, test }) => ({ family, train: train.length, test: test.length }),
  Series: ({ entities, columns, report }) => ({ entities, columns, report }),
  Stream: ({ state, counts, incidents }) => ({ state, counts, incidents }),
  StreamUpdate: ({ first, events }) => ({ first, events }),
  Table: (table) => ({
    schema: table.schema.name, numRows: table.numRows, columns: names(table.schema.columns), head: table.records(0, 3),
  }),
  TableReader: ({ schema }) => ({ schema: schema?.name ?? null }),
}

/** What JSON holds of an instance where it is not what is shown. */
const WRITTEN = {
  Assessment: (assessment) => {
    const { length, anomalies, members, experts, imputed, unreadAddresses } = assessment
    return { length, anomalies: anomalies.length, members, experts, imputed, unreadAddresses, worst: assessment.top(10) }
  },
}

/** What two instances of a class have in common if they are equal; of another class only one and the same are. */
const CONTENT = {
  Detector: (detector) => detector.toObject(),
  Guard: ({ digest }) => digest,
  Policy: (policy) => policy.toObject(),
  Schema: (schema) => schema.toToml(),
}

/** How an instance travels to another thread. */
const BYTES = 'send toBuffer() and call fromBuffer() there'
const TRAVELS = {
  Assessment: 'send scores, pValues or decisions.slice()',
  Detector: 'send toObject(), and make it anew there',
  FittedDetector: BYTES,
  Guard: BYTES,
  GuardExplanation: 'send contributions or reasons()',
  Ledger: 'send the path, and open it for reading only there',
  Plan: 'send entries and skipped, or what it was made of',
  Policy: 'send toObject() and call Policy.fromObject() there',
  Schema: 'send the name or the TOML text that it was made of',
  Split: 'send train and test',
  Stream: 'send checkpoint() and call Stream.restore() there',
  StreamUpdate: 'send events',
  Table: 'send await toIpc() and call Table.fromIpc() there',
}

/** Lets `console.log` show the instances of a class, and `JSON.stringify` write them. */
function show(prototype, name) {
  const written = WRITTEN[name] ?? SHOWN[name]
  Object.defineProperty(prototype, 'toJSON', { value() { return written(this) }, configurable: true, writable: true })
  Object.defineProperty(prototype, inspect.custom, {
    value(depth, options) {
      if (depth < 0) return options.stylize(`[${name}]`, 'special')
      let shown
      try {
        shown = SHOWN[name](this)
      } catch {
        return `${name} {}` // the prototype itself, which has nothing to show
      }
      return `${this.constructor?.name ?? name} ${inspect(shown, options)}`
    },
    configurable: true,
    writable: true,
  })
}

const marks = new Map(Object.keys(SHOWN).map((name) => [name, Symbol(`a ${name}: ${TRAVELS[name] ?? 'make it where it is used'}`)]))

/**
 * Makes `structuredClone` and `postMessage` fail for an instance, with the way out in the message. They would give an empty
 * object: all that it holds is on the other side of the border. What stops them is a value that cannot be cloned. It also holds
 * what `assert.deepStrictEqual` compares, which sees no state of the add-on.
 */
function bar(instance, name) {
  const own = Symbol(name)
  const get = () => [marks.get(name), CONTENT[name]?.(instance) ?? own]
  return Object.defineProperty(instance, 'notCloneable', { get, enumerable: true, configurable: true })
}

module.exports = { SHOWN, bar, show }
