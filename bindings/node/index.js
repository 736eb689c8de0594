'use strict'

// The public face of the add-on. `native.js` is generated; this file adds what napi cannot say:
// one error class, promises that reject instead of throwing, records as JSON text, and large
// results that are converted once.

const { isFloat32Array, isFloat64Array, isNativeError, isUint8Array } = require('node:util/types')
const native = require('./native.js')

/** What returns a promise. */
const PROMISES = new Set([
  'read', 'readCsv', 'readExports', 'readIpc', 'readJsonl', 'readParquet', 'readSeries', 'simulate', 'evaluate',
  'calibrationError',
  'Table.fromIpc', 'Table.take', 'Table.mapTo', 'Table.write', 'TableReader.read', 'Follower.read', 'Collector.bind',
  'Collector.read', 'Series.fromTable', 'Series.table',
  'Policy.load', 'Detector.fit', 'FittedDetector.score', 'FittedDetector.explain', 'FittedDetector.probabilities',
  'FittedDetector.pValues', 'FittedDetector.gateWeights', 'FittedDetector.save', 'FittedDetector.load', 'FittedDetector.fromBuffer',
  'TreeEnsemble.fromLightgbm', 'TreeEnsemble.fromXgboostBuffer', 'TreeEnsemble.fromXgboostJson', 'TreeEnsemble.fromSklearnJson',
  'Guard.fit', 'Guard.load', 'Guard.fromBuffer', 'Guard.save', 'Guard.assess', 'Guard.explain',
])
/** What is done to a first argument before napi sees it. */
const FIRST = {
  'Table.fromRecords': jsonOf,
  'Guard.assess': jsonOf,
  'Guard.assessSync': jsonOf,
  'Guard.explain': jsonOf,
  'Guard.fromBuffer': bytes,
  'Table.fromIpc': bytes,
  'Detector.fit': floats,
  'FittedDetector.score': floats,
  'FittedDetector.scoreSync': floats,
  'FittedDetector.explain': floats,
  'FittedDetector.probabilities': floats,
  'FittedDetector.pValues': floats,
  'FittedDetector.gateWeights': floats,
  'FittedDetector.fromBuffer': bytes,
  'TreeEnsemble.fromXgboostBuffer': bytes,
  evaluate: floats,
  calibrationError: doubles,
}
/** Getters that convert as many values as there are rows. */
const LARGE = {
  Assessment: ['scores', 'pValues', 'probabilities', 'memberPValues', 'gateWeights', 'decisions'],
  GuardExplanation: ['contributions', 'scores'],
}

/** Every failure of this package; `code` is its kind, such as `schema_mismatch`. */
class QosguardError extends Error {
  constructor(message, code) {
    super(message)
    this.code = code
  }
}
Object.defineProperty(QosguardError.prototype, 'name', { value: 'QosguardError', configurable: true, writable: true })

/** Makes the add-on's errors `QosguardError`s; leaves everything that the caller's own code threw. */
function adopt(error) {
  if (!isNativeError(error) || error instanceof QosguardError || typeof error.code !== 'string') return error
  if (/Expected$|^InvalidArg$/.test(error.code)) error.code = 'invalid_argument' // napi: a value of another type
  if (error.code === 'GenericFailure') error.code = 'internal' // napi: a panic that was caught
  return /^[a-z]+(_[a-z]+)*$/.test(error.code) ? Object.setPrototypeOf(error, QosguardError.prototype) : error
}

/** The same function, with adopted errors; one that returns a promise never throws. */
function faced(name, fn) {
  const convert = FIRST[name]
  const call = convert
    ? (self, [first, ...rest]) => fn.call(self, convert(first), ...rest)
    : (self, args) => fn.apply(self, args)
  if (PROMISES.has(name)) {
    return async function (...args) {
      try {
        return await call(this, args)
      } catch (error) {
        throw adopt(error)
      }
    }
  }
  return function (...args) {
    try {
      return call(this, args)
    } catch (error) {
      throw adopt(error)
    }
  }
}

/** A class with the same prototype, whose methods, getters, statics and constructor are faced. */
function facedClass(Class) {
  const construct = faced('constructor', (args, target) => Reflect.construct(Class, args, target))
  const Face = function (...args) {
    if (!new.target) throw new TypeError(`${Class.name} needs \`new\``)
    return construct(args, new.target)
  }
  Object.defineProperty(Face, 'name', { value: Class.name, configurable: true })
  Face.prototype = Class.prototype
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Class.prototype))) {
    if (typeof property.value === 'function') property.value = faced(`${Class.name}.${name}`, property.value)
    if (property.get) property.get = faced(`${Class.name}.${name}`, property.get)
    Object.defineProperty(Face.prototype, name, property)
  }
  Face.prototype.constructor = Face
  for (const name of Object.getOwnPropertyNames(Class)) {
    if (typeof Class[name] === 'function') Face[name] = faced(`${Class.name}.${name}`, Class[name].bind(Class))
  }
  return Face
}

/** Makes a getter convert once: every later read of the instance returns the same object. */
function once(prototype, name) {
  const property = Object.getOwnPropertyDescriptor(prototype, name)
  const get = function () {
    const value = property.get.call(this)
    Object.defineProperty(this, name, { value, enumerable: true })
    return value
  }
  Object.defineProperty(prototype, name, { ...property, get })
}

/** Records as the JSON text that the core reads; tables as they are. */
function jsonOf(flows) {
  if (flows instanceof native.Table) return flows
  const records = Array.isArray(flows) ? flows : [flows]
  return JSON.stringify(records.map(plain))
}

/** A record that JSON can carry: it would turn NaN and infinities into "missing" and leave `undefined` out. */
function plain(record, row) {
  const refuse = (expected, got) => {
    throw new QosguardError(`record ${row}: expected ${expected}, got ${kindOf(got)}`, 'invalid_argument')
  }
  if (record === null || typeof record !== 'object' || Array.isArray(record)) refuse('an object', record)
  let copy = record
  for (const [column, value] of Object.entries(record)) {
    if (typeof value === 'number') {
      // As text they are read as in a CSV cell.
      if (!Number.isFinite(value)) copy = { ...copy, [column]: String(value) }
    } else if (value !== null && typeof value !== 'string' && typeof value !== 'boolean') {
      refuse(`\`${column}\` to be a number, text, true, false or null`, value)
    }
  }
  return copy
}

/** napi would report another kind of array without its name. */
function floats(x) {
  if (!isFloat32Array(x)) throw new QosguardError(`expected a Float32Array, got ${kindOf(x)}`, 'invalid_argument')
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
for (const [name, getters] of Object.entries(LARGE)) {
  for (const getter of getters) once(face[name].prototype, getter)
}

const {
  Assessment, Collector, Detector, FittedDetector, Follower, Guard, GuardExplanation, Policy, Schema, Series, Table,
  TableReader, TreeEnsemble, calibrationError, evaluate, follow, open, read, readCsv, readExports, readIpc, readJsonl,
  readParquet, readSeries, simulate,
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

/** A member as the core writes it: the detector's settings beside the name and the weight. */
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

/** The tables of a stream; who leaves the loop stops what would go on for ever. */
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
  LogisticRegression,
  MixtureOfExperts,
  NeuralClassifier,
  Policy,
  QosguardError,
  Schema,
  Series,
  Table,
  TableReader,
  TreeEnsemble,
  calibrationError,
  evaluate,
  follow,
  open,
  read,
  readCsv,
  readExports,
  readIpc,
  readJsonl,
  readParquet,
  readSeries,
  simulate,
}
