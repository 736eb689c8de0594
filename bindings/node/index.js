'use strict'

// The public face of the add-on. `native.js` is generated; this file adds what napi cannot say:
// one error class, records as JSON text, and large results converted once.

const { isNativeError } = require('node:util/types')
const native = require('./native.js')

/** Every failure of this package; `code` is the kind, such as `schema_mismatch`. */
class QosguardError extends Error {
  constructor(message, code) {
    super(message)
    this.code = code
  }
}
Object.defineProperty(QosguardError.prototype, 'name', { value: 'QosguardError', configurable: true, writable: true })

/** napi's own codes for an argument of the wrong type. */
const WRONG_TYPE = /Expected$|^InvalidArg$/
/** The core's kinds. */
const KIND = /^[a-z]+(_[a-z]+)*$/

/** Makes the add-on's errors `QosguardError`s; leaves everything that the caller's own code threw. */
function adopt(error) {
  if (!isNativeError(error) || error instanceof QosguardError) return error
  if (WRONG_TYPE.test(error.code)) error.code = 'invalid_argument'
  if (error.code === 'GenericFailure') error.code = 'internal'
  return KIND.test(error.code) ? Object.setPrototypeOf(error, QosguardError.prototype) : error
}

/** The same function, whose errors and rejections are adopted. */
function faced(fn, convert = (args) => args) {
  return function (...args) {
    try {
      const out = fn.apply(this, convert(args))
      return out instanceof Promise ? out.catch((error) => { throw adopt(error) }) : out
    } catch (error) {
      throw adopt(error)
    }
  }
}

/** The same class, with every method, getter and the constructor faced. */
function facedClass(Class) {
  for (const owner of [Class, Class.prototype]) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (name === 'constructor' || name === 'prototype') continue
      if (typeof property.value === 'function') property.value = faced(property.value)
      else if (property.get) property.get = faced(property.get)
      else continue
      Object.defineProperty(owner, name, property)
    }
  }
  return new Proxy(Class, { construct: faced(Reflect.construct) })
}

/** Makes a getter convert once an instance: the second read returns the same object. */
function once(Class, name) {
  const property = Object.getOwnPropertyDescriptor(Class.prototype, name)
  const get = function () {
    const value = property.get.call(this)
    Object.defineProperty(this, name, { value, enumerable: true })
    return value
  }
  Object.defineProperty(Class.prototype, name, { ...property, get })
}

/** Records as the JSON text that the core reads; tables as they are. */
function jsonOf(flows) {
  if (flows instanceof native.Table) return flows
  const records = Array.isArray(flows) ? flows : [flows]
  records.forEach((record, row) => {
    if (record === null || typeof record !== 'object' || Array.isArray(record)) {
      throw new QosguardError(`record ${row}: expected an object, got ${String(record)}`, 'invalid_argument')
    }
    for (const [key, value] of Object.entries(record)) {
      // JSON would turn these into null or leave them out, which means "missing".
      if (typeof value === 'number' ? !Number.isFinite(value) : !['string', 'boolean'].includes(typeof value) && value !== null) {
        const got = `${typeof value} ${String(value)}`
        throw new QosguardError(`record ${row}, column \`${key}\`: expected a finite number, text, true, false or null, got ${got}`, 'invalid_argument')
      }
    }
  })
  return JSON.stringify(records)
}
