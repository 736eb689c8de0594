// What `index.js` adds to the generated types.

import type { Transform } from 'node:stream'

import { Detector } from './native'
import type {
  Assessment, Decision, Explanation, Findings, FlowRecord, GuardExplanation, IncidentEvent, LedgerRecord, RecipeOptions, Schema, Table, TableRow,
} from './native'

export * from './native'

/** Cancels the work of a call: its promise rejects with `code` `cancelled` and `name` `AbortError`, within about 50 ms. */
export interface Cancellable {
  /** The signal of an `AbortController`, or of `AbortSignal.timeout`. */
  signal?: AbortSignal
}

type Flows = Table | FlowRecord | ReadonlyArray<FlowRecord>

/**
 * One decision per row, as a read-only array whose items are made when they are read: having it costs nothing, however many
 * rows there are. A loop over many rows is `for await`, which lets the event loop run; `slice(start, end)` gives a page.
 */
export type Decisions = readonly Decision[] & AsyncIterable<Decision>

/** What `console.log` shows of an instance, and what `JSON.stringify` writes; of an assessment its counts and its ten worst rows. */
export interface Shown {
  toJSON(): object
}

declare module './native' {
  interface CalibrationOptions extends Cancellable {}
  interface EvaluateOptions extends Cancellable {}
  interface FitOptions extends Cancellable {}
  interface GuardOptions extends Cancellable {}
  interface ImportOptions extends Cancellable {}
  interface MapOptions extends Cancellable {}
  interface ReadOptions extends Cancellable {}
  interface SeriesOptions extends Cancellable {}
  interface SimulateDevicesOptions extends Cancellable {}
  interface SimulateOptions extends Cancellable {}
  interface SimulateTrafficOptions extends Cancellable {}
  interface Detector extends Shown {}
  interface FittedDetector extends Shown {
    score(x: Float32Array | Float64Array, nColumns: number, options: Cancellable): Promise<Float32Array>
    explain(x: Float32Array | Float64Array, nColumns: number, options: Cancellable): Promise<Explanation>
    probabilities(x: Float32Array | Float64Array, nColumns: number, options: Cancellable): Promise<Float64Array>
    pValues(x: Float32Array, nColumns: number, options: Cancellable): Promise<Float64Array>
    gateWeights(x: Float32Array, nColumns: number, options: Cancellable): Promise<Float32Array>
  }
  interface Guard extends Shown {
    assess(flows: Flows, options: Cancellable): Promise<Assessment>
    explain(flows: Flows, options: Cancellable): Promise<GuardExplanation>
    findings(flows: Flows, assessment: Assessment, n: number, options: Cancellable): Promise<Findings>
  }
  interface GuardExplanation extends Shown {}
  /** One record per line of the ledger. */
  interface Ledger extends Shown, Iterable<LedgerRecord> {}
  interface Policy extends Shown {}
  interface Schema extends Shown {}
  interface Series extends Shown {}
  interface Split extends Shown {}
  /** One decision per row; `for await` lets the event loop run. */
  interface Assessment extends Shown, Iterable<Decision>, AsyncIterable<Decision> {
    /** One decision per row, made when it is read. */
    readonly decisions: Decisions
  }
  /** One record per row, as `records` gives them; `for await` lets the event loop run. */
  interface Table extends Shown, Iterable<TableRow>, AsyncIterable<TableRow> {
    write(path: string, options: Cancellable): Promise<void>
    take(rows: Array<number>, options: Cancellable): Promise<Table>
    mapTo(schema: Schema, options: Cancellable): Promise<Table>
    toIpc(options: Cancellable): Promise<Buffer>
    labelFlags(options: Cancellable): Promise<Uint8Array | null>
  }
  interface TableReader extends Shown, AsyncIterable<Table> {}
  /** Leaving the loop stops it. */
  interface Follower extends Shown, AsyncIterable<Table> {}
  interface Stream extends Shown {
    /** Pushes tables one after the other, and yields the changes of incidents. At the end of the tables all incidents close. */
    events(tables: AsyncIterable<Table> | Iterable<Table>): AsyncGenerator<IncidentEvent>
    /** The same as a Transform, from tables to changes of incidents. */
    transform(): Transform
  }
  interface StreamUpdate extends Shown {}
  interface Plan extends Shown {}
  /** Leaving the loop stops it. */
  interface Collector extends Shown, AsyncIterable<Table> {}
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
  /** The loss or a weight of a training is no longer finite. */
  | 'training'
  /** A signal or a watcher cancelled the work. */
  | 'cancelled'
  /** This build lacks the feature that the call needs. */
  | 'unsupported'
  /** A bug in this package. */
  | 'internal'

/** The values of an error's message by name, as far as the error has them; the same names and values as in Python. */
export interface ErrorDetails {
  /** The setting or argument, such as `experts[1].trees`. */
  path?: string
  /** What is wrong with its value. */
  problem?: 'out_of_domain' | 'wrong_type' | 'unknown' | 'missing' | 'repeated'
  /** What is accepted or needed; a count for arrays of another shape. */
  expected?: string | number
  /** The value that was given; a count for arrays of another shape and too few rows. */
  got?: string | number
  /** The names that are accepted at the path. */
  known?: string[]
  /** The file or table that was read. */
  place?: string
  /** Line of the input, from 1; 0 for the whole file, null for a policy without text. */
  line?: number | null
  /** Name of the column, or its index as text. */
  column?: string
  /** Index of the row, from 0. */
  row?: number
  /** The value in a file or an array. */
  value?: string
  /** Path of a file that cannot be read or written, or that is not intact. */
  file?: string
  /** Number of the operating system's error. */
  errno?: number | null
  /** The cargo feature that this build lacks. */
  feature?: string
  /** Other values of the message. */
  [name: string]: unknown
}

/** Every failure of this package. */
export class QosguardError extends Error {
  /** `AbortError` for work that its signal cancelled. */
  readonly name: 'QosguardError' | 'AbortError'
  /** Kind of the failure. */
  readonly code: ErrorKind
  /** The values of the message by name, such as `path`, `expected`, `row` and `column`; empty if it has none. */
  readonly details: ErrorDetails
}

/** Settings of an isolation forest. */
export interface IsolationForestOptions {
  /** Number of trees, 1 to 10,000; default: 100. */
  trees?: number
  /** Rows that each tree is grown on, 2 to 2^20; default: 256. */
  maxSamples?: number
  /** Cuts between the root and a leaf, 1 to 32; 32 where splits are of pooled gain, else ⌈log2(rows per tree)⌉. */
  maxDepth?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
  /** How a node cuts its rows; default: `random`. */
  splits?:
    /** A random feature at a random point. */
    | { kind: 'random' }
    /** A random plane of 2 to 8 features. */
    | { kind: 'extended', features: number }
    /** The best of 1 to 64 tries (1) over planes of 1 to 8 features (1), at this share (1) of the nodes. */
    | { kind: 'pooled_gain', features?: number, tries?: number, share?: number }
  /** How a leaf scores its rows: by the number of cuts, or by density; default: `depth`. */
  scoring?: 'depth' | 'density'
  /** Whether NaN is an error or a missing value; default: `refuse`. */
  missing?: 'refuse' | 'learn'
  /** Columns that hold categories, ascending: whole numbers from 0 to 1023. */
  categorical?: number[]
}

/** Settings of a Gaussian mixture. */
export interface GaussianMixtureOptions {
  /** Number of components, 1 to 64; default: 32. */
  components?: number
  /** Shape of the components; default: `full`. */
  covariance?: 'full' | 'diagonal'
  /** Variance added to every feature of every component, above 0; default: 0.03. */
  regularisation?: number
  /** Steps, 1 to 10,000; default: 100. */
  maxIterations?: number
  /** The search ends when the mean log-likelihood changes by less; default: 1e-3. */
  tolerance?: number
  /** Transformation of every feature; default: `quantile`, normal scores by rank. */
  normalise?: 'none' | 'quantile'
  /** Rows that it is fitted on, 2 to 2^20; default: 20,000. */
  maxSamples?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** Settings of half-space trees. */
export interface HalfSpaceTreesOptions {
  /** Number of trees, 1 to 1,000; default: 25. */
  trees?: number
  /** Cuts between the root and a leaf, 1 to 16; default: 8. */
  depth?: number
  /** Rows of a window, 2 to 2^20; default: 250. */
  window?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** Settings of contrast trees. */
export interface ContrastTreesOptions {
  /** Number of boosters, whose log-odds are averaged, 1 to 64; default: 3. */
  boosters?: number
  /** Rounds of each booster, 1 to 10,000; default: 100. */
  trees?: number
  /** Maximum number of leaves of a tree, 2 to 65,536; default: 31. */
  leaves?: number
  /** Clean rows that a booster is fitted on, 2 to 2^20; default: 20,000. */
  maxSamples?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** Settings of boosted trees. */
export interface BoostedTreesOptions {
  /** Rounds of boosting, 1 to 10,000; default: 100. */
  trees?: number
  /** Maximum number of leaves of a tree, 2 to 65,536; default: 31. */
  leaves?: number
  /** Maximum number of splits between the root and a leaf, 1 to 512; default: 512. */
  maxDepth?: number
  /** Factor on every leaf value, in (0, 1]; default: 0.1. */
  learningRate?: number
  /** Minimum number of training rows in a leaf, from 1; default: 20. */
  minRowsPerLeaf?: number
  /** Minimum sum of hessians in a leaf, from 0; default: 1e-3. */
  minHessian?: number
  /** Penalty on the leaf values, from 0; default: 1. */
  l2?: number
  /** A split must gain more than this, from 0; default: 0. */
  minGain?: number
  /** Maximum number of bins for the values of one feature, 2 to 255; default: 255. */
  bins?: number
  /** Share of the rows that each round draws, in (0, 1]; default: 1. */
  subsample?: number
  /** Share of the features that each tree draws, in (0, 1]; default: 1. */
  featureFraction?: number
  /** Columns that hold codes of categories, not quantities. */
  categorical?: number[]
  /** How much each class counts; default: `none`, each row once. */
  classWeight?: 'none' | 'balanced'
  /** For each feature 1 where the score must not fall as it grows, -1 where it must not rise, else 0. */
  monotone?: number[]
  /** Stops after `patience` rounds without a lower loss on a share of the rows, in (0, 1), that is held out. */
  earlyStopping?: { share: number, patience: number }
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** Settings of a logistic regression. */
export interface LogisticRegressionOptions {
  /** Strength of the penalty, above 0; default: 1. */
  l2?: number
  /** How much each class counts; default: `none`, each row once. */
  classWeight?: 'none' | 'balanced'
  /** Steps of the search, 1 to 100,000; default: 1,000. */
  maxIterations?: number
  /** Size of the gradient at which the search ends, above 0; default: 1e-8. */
  tolerance?: number
}

/** A member of an ensemble before it is fitted. */
export interface MemberOptions {
  /** A name that no other member has. */
  name: string
  /** Weight of its evidence, above 0; default: learned from labels, or 1. */
  weight?: number
  /** What scores the rows; no ensemble. */
  detector: Detector
}

/** Settings of an ensemble. */
export interface EnsembleOptions {
  /** The members, 1 to 16; at most one without a weight. */
  members?: MemberOptions[]
  /** The weighted mean of −ln p, any member alone, or the mean of probabilities (needs labels); default: `fisher`. */
  fusion?: 'fisher' | 'bonferroni' | 'probability'
  /** Number of parts of the rows in cross-fitting, 2 to 20; default: 5. */
  folds?: number
  /** Seed of these parts, a whole number up to 2^53 − 1; default: 0. Each member has its own seed. */
  seed?: number
}

/** Settings of a training, the same for every network; each network has defaults of its own. */
export interface TrainingOptions {
  /** Maximum number of epochs, 1 to 10,000. */
  epochs?: number
  /** Rows of a mini-batch, from 2. */
  batchRows?: number
  /** Maximum number of rows of one epoch, drawn anew each time. */
  rowsPerEpoch?: number
  /** Step length, above 0. */
  learningRate?: number
  /** Weight decay, from 0. */
  weightDecay?: number
  /** How the learning rate falls. */
  schedule?: { kind: 'constant' } | { kind: 'plateau', factor: number, patience: number } | { kind: 'cosine' }
  /** Steps over which the learning rate rises from 0. */
  warmupSteps?: number
  /** Longest gradient over all weights; a longer one is shortened to it. */
  clipNorm?: number
  /** Epochs without a better validation loss after which training ends. */
  patience?: number
  /** Share of the rows that are held out to stop by, in [0, 1). */
  validationShare?: number
  /** Where it runs: `cpu`, or `cuda:0` in a build with the feature `cuda`; default: `cpu`. */
  device?: string
}

/** Columns with a special meaning for a network, by index; a guard supplies the default. */
export interface ColumnsOptions {
  /** Columns that hold codes of categories, whole numbers below 65,536. */
  categorical?: number[]
  /** The statistics of time, one list for each direction, with `null` for a missing column. */
  timing?: Array<{ name: string, columns: Array<number | null> }>
}

/** Settings of an autoencoder. */
export interface AutoencoderOptions {
  /** Columns of categories; default: all columns are numbers. */
  columns?: ColumnsOptions
  /** Widths of the encoder's layers before the narrow one, which the decoder mirrors; default: 128 and 64. */
  widths?: number[]
  /** Width of the narrow layer, 1 to 4,096; default: 16. */
  latent?: number
  /** Activation after each layer; default: `relu`. */
  activation?: 'relu' | 'gelu' | 'tanh'
  /** Whether layers are normalised over the rows of a batch; default: true. */
  batchNorm?: boolean
  /** Dropout rate between layers, in [0, 1); default: 0. */
  dropout?: number
  /** Standard deviation of the noise that training adds to the scaled numbers, from 0; default: 0.1. */
  noise?: number
  /** Fraction of codes that training replaces by the code of unknown categories, in [0, 1); default: 0.02. */
  categoryDropout?: number
  /** Whether the narrow layer also gets a linear map of its input; default: false. */
  skip?: boolean
  /** Weight of all categorical columns together; the numbers together have the weight 1; default: 1. */
  categoryWeight?: number
  /** Draws the narrow layer from a distribution close to the standard normal distribution. */
  variational?: { beta?: number, warmupSteps?: number, samples?: number }
  /** How the error of a column enters the score; default: `plain`. */
  scoreTransform?: 'plain' | 'relative' | 'logarithmic'
  /** Settings of the training. */
  training?: TrainingOptions
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** Settings of autoencoders by entity. */
export interface EntityAutoencodersOptions {
  /** The column with the entity of each row, a whole number below 65,536: its index, or its name in a guard; default: 0. */
  entity?: number | string
  /** Minimum number of training rows for an entity to get its own network, from 2; default: 500. */
  minRows?: number
  /** The settings of every network; columns are counted with the entity's. */
  autoencoder?: AutoencoderOptions
}

/** Settings of Kitsune. */
export interface KitsuneOptions {
  /** Rows from which the groups of features are found, 2 to 2^20; default: 1,000. */
  mappingRows?: number
  /** Training rows before the first score, 1 to 2^30; default: 10,000. */
  trainingRows?: number
  /** Maximum number of features in a group, 1 to 64; default: 10. */
  largestGroup?: number
  /** Hidden units of an autoencoder for each of its inputs, in (0, 1]; default: 0.75. */
  hiddenRatio?: number
  /** Learning rate, in (0, 1]; default: 0.1. */
  learningRate?: number
  /** Seed of the first weights, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** The architecture of a network; the settings of each `kind`, such as `width` and `layers`, are on docs.rs. */
export interface ArchitectureOptions {
  kind: 'mlp' | 'ft_transformer' | 'temporal_cnn' | 'mixture'
  [setting: string]: unknown
}

/** Settings of a neural classifier. */
export interface NeuralClassifierOptions {
  /** The architecture; default: a perceptron. */
  architecture?: ArchitectureOptions
  /** Columns of categories and of time; default: all columns are numbers. */
  columns?: ColumnsOptions
  /** Weights of the classes; default: `none`, every row counts once. */
  classWeight?: 'none' | 'balanced'
  /** Fraction of codes that training replaces by the code of unknown categories, in [0, 1); default: 0.02. */
  categoryDropout?: number
  /** First trains a transformer to predict masked features, without labels. */
  pretraining?: { maskShare?: number, training?: TrainingOptions }
  /** Settings of the training with labels. */
  training?: TrainingOptions
  /** Seed of all randomness, a whole number up to 2^53 − 1; default: 0. */
  seed?: number
}

/** An expert of a mixture before it is fitted. */
export interface ExpertOptions {
  /** Its name, unique among the experts. */
  name: string
  /** The detector; not an ensemble and not a mixture. */
  detector: Detector
  /** Whether it is trained together with the gate. Only for a `NeuralClassifier` without `training`, and not for all experts. */
  joint?: boolean
}

/** Settings of a mixture of experts. */
export interface MixtureOfExpertsOptions {
  /** The experts, 2 to 8. */
  experts?: ExpertOptions[]
  /** The gate. */
  gate?: { hidden?: number[], temperature?: number, topK?: number, loadBalanceWeight?: number, minLoad?: number, entropyWeight?: number, dropout?: number }
  /** Weight that is distributed evenly over all experts in every row, in [0, 1]; default: 0. */
  uniformWeight?: number
  /** How much higher log-odds of an expert raise its weight, 0 to 10; default: 0. */
  logOddsWeight?: number
  /** Fraction of kinds that the experts were not fitted on, among the clean rows and the attacks that train the gate, in [0, 1]; default: 0.5. */
  heldOutFraction?: number
  /** Fraction of these attacks for which supervised experts score a clean row instead, in [0, 1); default: 0.33. */
  maskedFraction?: number
  /** Whether experts that can learn classes learn them, or only attacks and clean rows; default: true. */
  learnClasses?: boolean
  /** Clusters of attacks that serve as kinds if there are no classes, 2 to 64; default: 3. */
  attackClusters?: number
  /** Clusters of clean rows that serve as kinds of traffic, 1 to 64; default: 6. */
  cleanClusters?: number
  /** Folds, 2 to 20; default: 3. */
  folds?: number
  /** Training of the gate and the joint experts. */
  training?: TrainingOptions
  /** Seed of the folds and of the gate, a whole number up to 2^53 − 1; default: 0. Experts have their own. */
  seed?: number
}

/** Rows that few random cuts isolate are anomalous. */
export class IsolationForest extends Detector {
  constructor(options?: IsolationForestOptions)
}

/** Rows where the density of the training rows is low are anomalous. */
export class GaussianMixture extends Detector {
  constructor(options?: GaussianMixtureOptions)
}

/** Rows in parts of the space where few rows of the last window fell are anomalous. */
export class HalfSpaceTrees extends Detector {
  constructor(options?: HalfSpaceTreesOptions)
}

/** Rows whose features do not go together as in the training rows are anomalous. */
export class ContrastTrees extends Detector {
  constructor(options?: ContrastTreesOptions)
}

/** Gradient-boosted trees; they learn from labels. NaN is a missing value. */
export class BoostedTrees extends Detector {
  constructor(options?: BoostedTreesOptions)
}

/** A logistic regression; it learns from labels. */
export class LogisticRegression extends Detector {
  constructor(options?: LogisticRegressionOptions)
}

/** Detectors of different kinds, each on its own p-values, as one; it learns from labels where a member does. */
export class Ensemble extends Detector {
  constructor(options?: EnsembleOptions)
  /** For `rows` clean rows: a forest, a mixture and contrast trees. */
  static clean(rows: number, options?: RecipeOptions): Ensemble
  /** For rows labelled clean or attack, `cleanRows` of them clean: as `clean`, with boosted trees. */
  static labelled(cleanRows: number, options?: RecipeOptions): Ensemble
  /** For rows without labels that may include attacks: forests of different kinds. */
  static mixed(options?: RecipeOptions): Ensemble
}

/** Rows that a network cannot reproduce through a narrow layer are anomalous; fit it on clean rows. */
export class Autoencoder extends Detector {
  constructor(options?: AutoencoderOptions)
}

/** One autoencoder for each country, link or device class; fit it on clean rows. */
export class EntityAutoencoders extends Detector {
  constructor(options?: EntityAutoencodersOptions)
}

/** Many small autoencoders over groups of features that go together; it learns a stream row by row. */
export class Kitsune extends Detector {
  constructor(options?: KitsuneOptions)
}

/** A network that learns from labels: a perceptron, a transformer over features, or one of several experts. */
export class NeuralClassifier extends Detector {
  constructor(options?: NeuralClassifierOptions)
}

/** A gate that weights detectors row by row; it learns from labels. */
export class MixtureOfExperts extends Detector {
  constructor(options?: MixtureOfExpertsOptions)
}
