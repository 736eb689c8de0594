'use strict'

// The public interface of the add-on. `native.js` is generated; this file adds what napi has no form for:
// one error class, promises that reject instead of throwing, records as JSON text, and large
// results that are converted once, or row by row.

const { Transform } = require('node:stream')
const { isDate, isFloat32Array, isFloat64Array, isUint8Array } = require('node:util/types')
const native = require('./lib/addon.js').load()
const { QosguardError, adopt } = require('./lib/errors.js')
const { lazyArray, pacedRows, rows } = require('./lib/rows.js')
const { SHOWN, bar, show } = require('./lib/show.js')

/** What returns a promise. */
const PROMISES = new Set([
  'read', 'readCsv', 'readExports', 'readIpc', 'readJsonl', 'readParquet', 'readSeries', 'simulate', 'simulateDevices', 'simulateTraffic', 'evaluate', 'vusPr',
  'calibrationError', 'distinct', 'leakAudit', 'Split.byTime',
  'Table.fromIpc', 'Table.toIpc', 'Table.labelFlags', 'Table.take', 'Table.mapTo', 'Table.write', 'TableReader.read', 'Follower.read', 'Collector.bind',
  'Collector.read', 'Series.fromTable', 'Series.table',
  'Policy.load', 'Detector.fit', 'FittedDetector.score', 'FittedDetector.explain', 'FittedDetector.probabilities',
  'FittedDetector.pValues', 'FittedDetector.gateWeights', 'FittedDetector.save', 'FittedDetector.load', 'FittedDetector.fromBuffer',
  'TreeEnsemble.fromLightgbm', 'TreeEnsemble.fromXgboostBuffer', 'TreeEnsemble.fromXgboostJson', 'TreeEnsemble.fromSklearnJson',
  'Guard.fit', 'Guard.load', 'Guard.fromBuffer', 'Guard.save', 'Guard.assess', 'Guard.explain',
  'Guard.findings', 'Guard.proposals', 'Guard.appendContexts', 'Stream.push', 'Stream.saveCheckpoint',
])
/** Records that `Schema.infer` reads. */
const SAMPLE = 2000
/** What is done to a first argument before napi sees it; `self` and `rest` are the instance and the other arguments. */
const FIRST = {
  'Schema.infer': (records) => jsonOf(Array.isArray(records) ? records.slice(0, SAMPLE) : records),
  'Table.fromRecords': jsonOf,
  'Guard.assess': jsonOf,
  'Guard.assessSync': jsonOf,
  'Guard.explain': jsonOf,
  'Guard.findings': jsonOf,
  'Guard.proposals': jsonOf,
  'Guard.fromBuffer': bytes,
  'Table.fromIpc': bytes,
  'Stream.restore': bytes,
  'Detector.fit': floats,
  'FittedDetector.score': numbers,
  'FittedDetector.scoreSync': numbers,
  'FittedDetector.explain': numbers,
  'FittedDetector.probabilities': numbers,
  'FittedDetector.pValues': floats,
  'FittedDetector.gateWeights': floats,
  'FittedDetector.fromBuffer': bytes,
  'TreeEnsemble.fromXgboostBuffer': bytes,
  evaluate: floats,
  vusPr: floats,
  calibrationError: doubles,
}
/** What is done to a result before the caller sees it. */
const RESULT = {
  'Guard.proposals': (text) => JSON.parse(text),
  'Table.labels': (bytes) => bytes && mapped(bytes, (byte) => byte !== 0),
  simulateDevices: withTable,
  simulateTraffic: withTable,
  'Table.families': (coded) => coded && mapped(coded[1], (code) => coded[0][code]),
}

/** The same function, with adopted errors; one that returns a promise never throws. */
function faced(name, fn) {
  const convert = FIRST[name]
  const finish = RESULT[name] ?? barred
  const call = convert
    ? (self, [first, ...rest]) => fn.call(self, convert(first, self, rest), ...rest)
    : (self, args) => fn.apply(self, args)
  if (PROMISES.has(name)) {
    return async function (...args) {
      try {
        const { signal, rest } = signalOf(name, args)
        const job = () => call(this, rest)
        return finish(signal === undefined ? await job() : await cancellable(signal, job))
      } catch (error) {
        throw adopt(error, name)
      }
    }
  }
  return function (...args) {
    try {
      return finish(call(this, args))
    } catch (error) {
      throw adopt(error, name)
    }
  }
}

/** Takes the `signal` out of the options of a call: the last argument, where it is an object that has one. */
function signalOf(name, args) {
  const options = args.at(-1)
  const isData = args.length === 1 && name in FIRST
  if (isData || Object.prototype.toString.call(options) !== '[object Object]' || !Object.hasOwn(options, 'signal')) return { rest: args }
  const { signal, ...others } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new QosguardError(`\`signal\` must be an AbortSignal, got ${kindOf(signal)}`, 'invalid_argument')
  }
  return { signal, rest: Object.keys(others).length === 0 ? args.slice(0, -1) : [...args.slice(0, -1), others] }
}

/** Runs one job that the signal cancels. */
async function cancellable(signal, start) {
  if (signal.aborted) throw aborted(signal)
  const bound = native.bindNextJob()
  const cancel = () => native.cancelJob(bound)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    let job
    try {
      job = start()
    } finally {
      native.releaseNextJob()
    }
    return await job
  } catch (error) {
    throw signal.aborted && error.code === 'cancelled' ? aborted(signal) : error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** The error of a call that its signal cancelled: `name` is `AbortError`, `code` is `cancelled`. */
function aborted(signal) {
  const error = new QosguardError('the work was cancelled', 'cancelled')
  error.cause = signal.reason
  Object.defineProperty(error, 'name', { value: 'AbortError', configurable: true, writable: true })
  return error
}

/** The class of each prototype of the add-on. */
const classes = new Map(Object.entries(native).filter(([name]) => name in SHOWN).map(([name, { prototype }]) => [prototype, name]))

/** An instance of the add-on that cannot be cloned into an empty object; everything else as it is. */
function barred(value) {
  const name = classes.get(typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined)
  return name ? bar(value, name) : value
}

/** A simulation, whose table cannot be cloned. */
function withTable(simulation) {
  barred(simulation.table)
  return simulation
}

/** A class with the same prototype, whose methods, getters, statics and constructor are faced. */
function facedClass(Class) {
  const construct = faced('constructor', (args, target) => Reflect.construct(Class, args, target))
  const Face = function (...args) {
    if (!new.target) throw new TypeError(`${Class.name} needs \`new\``)
    return bar(construct(args, new.target), Class.name)
  }
  Object.defineProperty(Face, 'name', { value: Class.name, configurable: true })
  Face.prototype = Class.prototype
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Class.prototype))) {
    if (typeof property.value === 'function') property.value = faced(`${Class.name}.${name}`, property.value)
    if (property.get) property.get = once(faced(`${Class.name}.${name}`, property.get))
    Object.defineProperty(Face.prototype, name, property)
  }
  Face.prototype.constructor = Face
  for (const name of Object.getOwnPropertyNames(Class)) {
    if (typeof Class[name] === 'function') Face[name] = faced(`${Class.name}.${name}`, Class[name].bind(Class))
  }
  if (Class.name in SHOWN) show(Face.prototype, Class.name)
  return Face
}

/** A getter that makes a large value once: later reads of the instance return the same one. */
function once(get, isLarge = ArrayBuffer.isView) {
  const seen = new WeakMap()
  return function () {
    if (seen.has(this)) return seen.get(this)
    const value = get.call(this)
    if (isLarge(value)) seen.set(this, value)
    return value
  }
}

/** An array of what `item` makes of each number. */
function mapped(numbers, item) {
  const items = new Array(numbers.length)
  for (let i = 0; i < items.length; i += 1) items[i] = item(numbers[i])
  return items
}

/** Records as the JSON text that the core reads by the schema of a guard or of the second argument; tables as they are. */
function jsonOf(flows, self, rest) {
  if (flows instanceof native.Table) return flows
  const records = Array.isArray(flows) ? flows : [flows]
  const owner = self instanceof native.Guard ? self : rest?.[0]
  return JSON.stringify(records.map((record, row) => plain(record, row, () => numbersOf(owner))))
}

/** Names of the number columns of a schema, or of a guard's. */
const numberColumns = new WeakMap()
function numbersOf(owner) {
  const schema = owner instanceof native.Guard ? owner.schema : owner
  if (!(schema instanceof native.Schema)) return new Set()
  if (!numberColumns.has(owner)) {
    numberColumns.set(owner, new Set(schema.columns.filter(({ kind }) => kind === 'number').map(({ name }) => name)))
  }
  return numberColumns.get(owner)
}

/** A record that JSON can carry; JSON makes NaN null, which means missing, and would leave `undefined` out. */
function plain(record, row, numbersOf) {
  const reject = (expected, got) => {
    throw new QosguardError(`record ${row}: expected ${expected}, got ${got}`, 'invalid_argument')
  }
  if (record === null || typeof record !== 'object' || Array.isArray(record)) reject('an object', kindOf(record))
  let copy = record
  for (const [column, value] of Object.entries(record)) {
    const written = writtenOf(column, value, numbersOf)
    if (written !== undefined) copy = { ...copy, [column]: written }
    else if (value !== null && !['number', 'string', 'boolean'].includes(typeof value)) {
      reject(`\`${column}\` to be a number, text, true, false, a date or null`, kindOf(value))
    }
  }
  return copy
}

/** A value that JSON has no form for, as a file has it: a date is seconds since the epoch in a number column. */
function writtenOf(column, value, numbersOf) {
  if (typeof value === 'bigint' || value === Infinity || value === -Infinity) return String(value)
  if (!isDate(value) || Number.isNaN(value.getTime())) return undefined
  return numbersOf().has(column) ? value.getTime() / 1000 : value.toISOString()
}

/** napi would report another kind of array without its name. */
function floats(x) {
  if (!isFloat32Array(x)) throw new QosguardError(`expected a Float32Array, got ${kindOf(x)}`, 'invalid_argument')
  return x
}

function numbers(x) {
  if (isFloat64Array(x)) return x
  if (!isFloat32Array(x)) throw new QosguardError(`expected a Float32Array or a Float64Array, got ${kindOf(x)}`, 'invalid_argument')
  return x
}

function doubles(x) {
  if (!isFloat64Array(x)) throw new QosguardError(`expected a Float64Array, got ${kindOf(x)}`, 'invalid_argument')
  return x
}

function bytes(x) {
  if (!isUint8Array(x)) throw new QosguardError(`expected a Buffer or Uint8Array, got ${kindOf(x)}`, 'invalid_argument')
  return x
}

function kindOf(x) {
  return Object.prototype.toString.call(x).slice(8, -1)
}

const face = {}
for (const [name, value] of Object.entries(native)) {
  if (typeof value === 'function') face[name] = /^[A-Z]/.test(name) ? facedClass(value) : faced(name, value)
}

const {
  Assessment, Collector, Detector, FittedDetector, Follower, Guard, GuardExplanation, Ledger, Plan, Policy, Schema, Series, Split,
  Stream, StreamUpdate, Table, TableReader, TreeEnsemble, calibrationError, distinct, evaluate, eventMetrics, exportIncident,
  follow, incidentTable, leakAudit, open, plan, read, readCsv, readExports, readIpc, readJsonl, readParquet, readSeries, simulate,
  simulateDevices, simulateTraffic, vusPr,
} = face

/** A detector of one kind, under a name of its own. */
function detector(name, kind) {
  return { [name]: class extends Detector { constructor(options) { super(kind, options) } } }[name]
}
const IsolationForest = detector('IsolationForest', 'isolation_forest')
const GaussianMixture = detector('GaussianMixture', 'gaussian_mixture')
const HalfSpaceTrees = detector('HalfSpaceTrees', 'half_space_trees')
const ContrastTrees = detector('ContrastTrees', 'contrast_trees')
const BoostedTrees = detector('BoostedTrees', 'boosted_trees')
const LogisticRegression = detector('LogisticRegression', 'logistic_regression')
const Autoencoder = detector('Autoencoder', 'autoencoder')
const EntityAutoencoders = detector('EntityAutoencoders', 'entity_autoencoders')
const Kitsune = detector('Kitsune', 'kitsune')
const NeuralClassifier = detector('NeuralClassifier', 'neural_classifier')

class Ensemble extends Detector {
  constructor(options) {
    super('ensemble', Array.isArray(options?.members) ? { ...options, members: options.members.map((fields, i) => member(fields, i, 'members')) } : options)
  }

  static clean(rows, options) { return recipe('clean', rows, options) }
  static labelled(cleanRows, options) { return recipe('labelled', cleanRows, options) }
  static mixed(options) { return recipe('mixed', 0, options) }
}

class MixtureOfExperts extends Detector {
  constructor(options) {
    const experts = (experts) => ({ ...options, experts: experts.map((fields, i) => member(fields, i, 'experts')) })
    super('mixture_of_experts', Array.isArray(options?.experts) ? experts(options.experts) : options)
  }
}

/** A member as the core writes it: the detector's settings with the name and the weight. */
function member(fields, i, list) {
  if (!(fields?.detector instanceof Detector)) {
    throw new QosguardError(`\`${list}[${i}].detector\` must be a detector, got ${kindOf(fields?.detector)}`, 'invalid_argument')
  }
  const { detector, ...rest } = fields
  return { ...rest, ...detector.toObject() }
}

function recipe(name, rows, options) {
  return Object.setPrototypeOf(face.ensembleRecipe(name, rows, options), Ensemble.prototype)
}

/** The tables of a stream; the end of the loop stops a source that has no end. */
async function* tables() {
  try {
    for (let table = await this.read(); table !== null; table = await this.read()) yield table
  } finally {
    this.stop?.()
  }
}
for (const { prototype } of [TableReader, Follower, Collector]) {
  Object.defineProperty(prototype, Symbol.asyncIterator, { value: tables, configurable: true, writable: true })
}

/** Pushes tables into a stream one after the other, and yields the changes of incidents. */
async function* events(tables) {
  for await (const table of tables) yield* (await this.push(table)).events
  yield* this.finish()
}
/** The same as a Transform of Node, from tables to changes of incidents. */
function transform() {
  const stream = this
  return new Transform({
    objectMode: true,
    async transform(table, _encoding, done) {
      try {
        for (const event of (await stream.push(table)).events) this.push(event)
        done()
      } catch (error) {
        done(error)
      }
    },
    flush(done) {
      for (const event of stream.finish()) this.push(event)
      done()
    },
  })
}
for (const [name, value] of Object.entries({ events, transform })) {
  Object.defineProperty(Stream.prototype, name, { value, configurable: true, writable: true })
}

/** The decisions of an assessment, made when they are read. */
const decisions = once(function () {
  return lazyArray(this.length, (row) => this.decision(row), 'Decisions')
}, Array.isArray)
Object.defineProperty(Ledger.prototype, Symbol.iterator, {
  value() { return this.records()[Symbol.iterator]() }, configurable: true, writable: true,
})
Object.defineProperties(Assessment.prototype, {
  decisions: { get: decisions, configurable: true },
  [Symbol.iterator]: { value() { return this.decisions[Symbol.iterator]() }, configurable: true, writable: true },
  [Symbol.asyncIterator]: { value() { return this.decisions[Symbol.asyncIterator]() }, configurable: true, writable: true },
})

Object.defineProperties(Table.prototype, {
  [Symbol.iterator]: {
    value() { return rows(this.numRows, (start, end) => this.records(start, end)) }, configurable: true, writable: true,
  },
  [Symbol.asyncIterator]: {
    value() { return pacedRows(this.numRows, (start, end) => this.records(start, end)) }, configurable: true, writable: true,
  },
})

// Spelt out, so that `import { readCsv } from 'qosguard'` finds the names.
module.exports = {
  Assessment,
  Autoencoder,
  BoostedTrees,
  Collector,
  ContrastTrees,
  Detector,
  Ensemble,
  EntityAutoencoders,
  FittedDetector,
  Follower,
  GaussianMixture,
  Guard,
  GuardExplanation,
  HalfSpaceTrees,
  IsolationForest,
  Kitsune,
  Ledger,
  LogisticRegression,
  MixtureOfExperts,
  NeuralClassifier,
  Plan,
  Policy,
  QosguardError,
  Schema,
  Series,
  Split,
  Stream,
  StreamUpdate,
  Table,
  TableReader,
  TreeEnsemble,
  calibrationError,
  distinct,
  evaluate,
  eventMetrics,
  exportIncident,
  follow,
  incidentTable,
  leakAudit,
  open,
  plan,
  read,
  readCsv,
  readExports,
  readIpc,
  readJsonl,
  readParquet,
  readSeries,
  simulate,
  simulateDevices,
  simulateTraffic,
  vusPr,
}
