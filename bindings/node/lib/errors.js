'use strict'

// One error class, with messages in JavaScript's words.

const { isNativeError } = require('node:util/types')

/** Every failure of this package; `code` is its kind, such as `schema_mismatch`; `details` are the values of its message by name. */
class QosguardError extends Error {
  constructor(message, code, details = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}
Object.defineProperty(QosguardError.prototype, 'name', { value: 'QosguardError', configurable: true, writable: true })

/** Types of a value by the names that napi has for them. */
const TYPES = {
  f64: 'a number', f32: 'a number', u32: 'a number', i32: 'a number', i64: 'a number', u8: 'a number', Number: 'a number',
  bool: 'true or false', Boolean: 'true or false', String: 'text', Object: 'an object', Function: 'a function',
  Null: 'null', Undefined: 'undefined', Symbol: 'a symbol', BigInt: 'a bigint', External: 'another value', Unknown: 'another value',
  'TypedArray<u8>': 'a Uint8Array', 'TypedArray<u32>': 'a Uint32Array', 'TypedArray<f32>': 'a Float32Array',
  'TypedArray<f64>': 'a Float64Array',
}

function typeOf(name) {
  const inner = name.match(/^Option<(.*)>$/)?.[1] ?? name
  if (Object.hasOwn(TYPES, inner)) return TYPES[inner]
  if (/^(Vec|Array)\b/.test(inner)) return 'an array'
  return `${/^[AEIOU]/.test(inner) ? 'an' : 'a'} ${inner}`
}

/** What napi reports of an argument of another type, by the form of its message. */
const TYPE_ERRORS = [
  [/^Failed to convert napi value (\w+) into rust type `(.+)`$/, ([, got, expected]) => [typeOf(expected), typeOf(got)]],
  [/^Failed to convert JavaScript value `(\w+)[^]*` into rust type `(.+)`$/, ([, got, expected]) => [typeOf(expected), typeOf(got)]],
  [/^Failed to convert napi `?\w+`? into (?:rust type|enum) `(.+?)`/, ([, expected]) => [typeOf(expected)]],
  [/^Failed to get Array length$|^Expected an array$/, () => ['an array']],
  [/^Failed to recover `(\w+)` type/, ([, expected]) => [typeOf(expected)]],
  [/^Unwrap value \[(?:\w+::)*(\w+)\]/, ([, expected]) => [typeOf(expected)]],
  [/^Expect value to be (.+), but received (\w+)$/, ([, expected, got]) => [typeOf(expected), typeOf(got)]],
  [/^Value is not an instance of class `(?:\w+::)*(\w+)`/, ([, expected]) => [typeOf(expected)]],
  [/^Value is none of these types (.+)$/, ([, types]) => [types.match(/[\w<>]+/g).map(typeOf).join(' or ')]],
  [/^value `"?([^]*?)"?` does not match any variant of enum `(\w+)`/, ([, got, expected]) => [typeOf(expected), `'${got}'`]],
  [/^Found inconsistent data type in Array/, () => ['an array of values of one type']],
]

/** The message of an argument error without the names that types have in Rust. */
function plainly(message, call) {
  const [, reason, property] = message.match(/^([^]*?)(?: on \w+\.(\w+))?$/)
  const place = property ? `\`${property}\`` : `an argument of \`${call}\``
  for (const [form, parts] of TYPE_ERRORS) {
    const found = reason.match(form)
    if (!found) continue
    const [expected, got] = parts(found)
    return `${place} must be ${expected}${got ? `, got ${got}` : ''}`
  }
  return message
}

/** The details of an error of the add-on, which carries them as JSON text in a cause with the code `Ok`. */
function takeDetails(error) {
  if (error.cause?.code !== 'Ok') return {}
  const details = JSON.parse(error.cause.message)
  delete error.cause
  return details
}

/** Makes the add-on's errors `QosguardError`s; leaves everything that the caller's own code threw. */
function adopt(error, call) {
  if (!isNativeError(error) || error instanceof QosguardError || typeof error.code !== 'string') return error
  if (/Expected$|^InvalidArg$/.test(error.code)) error.code = 'invalid_argument' // napi: a value of another type
  if (error.code === 'GenericFailure') error.code = 'internal' // napi: a panic that was caught
  if (!/^[a-z]+(_[a-z]+)*$/.test(error.code)) return error
  if (error.code === 'invalid_argument') error.message = plainly(error.message, call)
  error.details = takeDetails(error)
  return Object.setPrototypeOf(error, QosguardError.prototype)
}

module.exports = { QosguardError, adopt }
