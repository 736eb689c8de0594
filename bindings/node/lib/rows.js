'use strict'

// Many rows without a stop of the event loop: objects are made one by one, when they are asked for.

const { performance } = require('node:perf_hooks')
const { setImmediate } = require('node:timers/promises')
const { inspect } = require('node:util')

/** Rows that are made at a time. */
const PAGE = 16
/** Milliseconds after which the event loop has its turn; garbage is collected on top of them. */
const BUSY = 1

/** All rows, a page at a time. */
function* rows(length, page) {
  for (let at = 0; at < length; at += PAGE) yield* page(at, Math.min(at + PAGE, length))
}

/** All rows; the event loop has its turn every few milliseconds. */
async function* pacedRows(length, page) {
  let since = performance.now()
  for (const row of rows(length, page)) {
    yield row
    if (performance.now() - since < BUSY) continue
    await setImmediate()
    since = performance.now()
  }
}

/** The row that a property key names, if it names one. */
function rowOf(key) {
  return typeof key === 'string' && /^(0|[1-9]\d*)$/.test(key) ? Number(key) : undefined
}

/**
 * A read-only array whose items are made anew whenever they are read, so that having it costs nothing, however long it is.
 * `for await` over it is paced; it cannot be cloned.
 */
function lazyArray(length, item, name) {
  const target = Object.defineProperties([], {
    [Symbol.asyncIterator]: {
      value: () => pacedRows(length, (start, end) => Array.from({ length: end - start }, (_, i) => item(start + i))),
    },
    [inspect.custom]: {
      value: (depth, options) => {
        if (depth < 0) return options.stylize(`[${name}]`, 'special')
        const shown = Math.min(length, options.maxArrayLength ?? Infinity, 3)
        const head = inspect(Array.from({ length: shown }, (_, row) => item(row)), options)
        const more = length > shown ? ` and ${length - shown} more` : ''
        return `${name}(${length}) ${head}${more}`
      },
    },
  })
  const has = (key) => rowOf(key) < length
  const reject = () => {
    throw new TypeError(`${name} cannot be changed; \`slice()\` makes an array of your own`)
  }
  return new Proxy(target, {
    get: (_, key) => (has(key) ? item(rowOf(key)) : key === 'length' ? length : Reflect.get(target, key)),
    has: (_, key) => has(key) || Reflect.has(target, key),
    ownKeys: () => [...Array.from({ length }, (_, row) => String(row)), ...Reflect.ownKeys(target)],
    getOwnPropertyDescriptor: (_, key) => {
      if (has(key)) return { value: item(rowOf(key)), writable: true, enumerable: true, configurable: true }
      const property = Reflect.getOwnPropertyDescriptor(target, key)
      return key === 'length' ? { ...property, value: length } : property
    },
    set: reject,
    defineProperty: reject,
    deleteProperty: reject,
    setPrototypeOf: reject,
    preventExtensions: reject,
  })
}

module.exports = { lazyArray, pacedRows, rows }
