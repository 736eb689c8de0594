// What `index.js` adds to the generated types.

import { Detector } from './native'
import type {
  Assessment, Decision, Explanation, FlowRecord, GuardExplanation, RecipeOptions, Schema, Table, TableRow,
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

/** What `console.log` and `JSON.stringify` show of an instance. */
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
  interface SimulateOptions extends Cancellable {}
  interface Detector extends Shown {}
  interface FittedDetector extends Shown {
    score(x: Float32Array, nColumns: number, options: Cancellable): Promise<Float32Array>
    explain(x: Float32Array, nColumns: number, options: Cancellable): Promise<Explanation>
    probabilities(x: Float32Array, nColumns: number, options: Cancellable): Promise<Float64Array>
    pValues(x: Float32Array, nColumns: number, options: Cancellable): Promise<Float64Array>
    gateWeights(x: Float32Array, nColumns: number, options: Cancellable): Promise<Float32Array>
  }
  interface Guard extends Shown {
    assess(flows: Flows, options: Cancellable): Promise<Assessment>
    explain(flows: Flows, options: Cancellable): Promise<GuardExplanation>
  }
  interface GuardExplanation extends Shown {}
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
  }
  interface TableReader extends Shown, AsyncIterable<Table> {}
  /** Leaving the loop stops it. */
  interface Follower extends Shown, AsyncIterable<Table> {}
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
  /** A training ran away. */
  | 'training'
  /** A signal or a watcher cancelled the work. */
  | 'cancelled'
  /** This build lacks the feature that the call needs. */
  | 'unsupported'
  /** A bug in this package. */
  | 'internal'

/** Every failure of this package. */
export class QosguardError extends Error {
  /** `AbortError` for work that its signal cancelled. */
  readonly name: 'QosguardError' | 'AbortError'
  /** Kind of the failure. */
  readonly code: ErrorKind
}

/** Settings of an isolation forest. */
export interface IsolationForestOptions {
  /** Number of trees, 1 to 10,000; 100 unless said otherwise. */
  trees?: number
  /** Rows that each tree is grown on, 2 to 2^20; 256 unless said otherwise. */
  maxSamples?: number
  /** Cuts between the root and a leaf, 1 to 32; 32 where splits are of pooled gain, else ⌈log2(rows per tree)⌉. */
  maxDepth?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
  /** How a node cuts its rows; `random` unless said otherwise. */
  splits?:
    /** A random feature at a random point. */
    | { kind: 'random' }
    /** A random plane of 2 to 8 features. */
    | { kind: 'extended', features: number }
    /** The best of 1 to 64 tries (1) over planes of 1 to 8 features (1), at this share (1) of the nodes. */
    | { kind: 'pooled_gain', features?: number, tries?: number, share?: number }
  /** What a leaf says of its rows: how many cuts it took (unless said otherwise), or how dense it is. */
  scoring?: 'depth' | 'density'
  /** Whether NaN is refused (unless said otherwise) or taken for a missing value. */
  missing?: 'refuse' | 'follow'
  /** Columns that hold categories, ascending: whole numbers from 0 to 1023. */
  categorical?: number[]
}

/** Settings of a Gaussian mixture. */
export interface GaussianMixtureOptions {
  /** Number of components, 1 to 64; 32 unless said otherwise. */
  components?: number
  /** Shape of the components; `full` unless said otherwise. */
  covariance?: 'full' | 'diagonal'
  /** Variance added to every feature of every component, above 0; 0.03 unless said otherwise. */
  regularisation?: number
  /** Steps, 1 to 10,000; 100 unless said otherwise. */
  maxIterations?: number
  /** The search ends when the mean log-likelihood changes by less; 1e-3 unless said otherwise. */
  tolerance?: number
  /** What is done with every feature first; normal scores by rank, `quantile`, unless said otherwise. */
  normalise?: 'none' | 'quantile'
  /** Rows that it is fitted on, 2 to 2^20; 20,000 unless said otherwise. */
  maxSamples?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** Settings of half-space trees. */
export interface HalfSpaceTreesOptions {
  /** Number of trees, 1 to 1,000; 25 unless said otherwise. */
  trees?: number
  /** Cuts between the root and a leaf, 1 to 16; 8 unless said otherwise. */
  depth?: number
  /** Rows of a window, 2 to 2^20; 250 unless said otherwise. */
  window?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** Settings of contrast trees. */
export interface ContrastTreesOptions {
  /** Number of boosters, whose log-odds are averaged, 1 to 64; 3 unless said otherwise. */
  boosters?: number
  /** Rounds of each booster, 1 to 10,000; 100 unless said otherwise. */
  trees?: number
  /** Most leaves of a tree, 2 to 65,536; 31 unless said otherwise. */
  leaves?: number
  /** Clean rows that a booster sees, 2 to 2^20; 20,000 unless said otherwise. */
  maxSamples?: number
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** Settings of boosted trees. */
export interface BoostedTreesOptions {
  /** Rounds of boosting, 1 to 10,000; 100 unless said otherwise. */
  trees?: number
  /** Most leaves of a tree, 2 to 65,536; 31 unless said otherwise. */
  leaves?: number
  /** Most splits between the root and a leaf, 1 to 512; 512 unless said otherwise. */
  maxDepth?: number
  /** Factor on every leaf value, in (0, 1]; 0.1 unless said otherwise. */
  learningRate?: number
  /** Least number of training rows in a leaf, from 1; 20 unless said otherwise. */
  minRowsPerLeaf?: number
  /** Least sum of hessians in a leaf, from 0; 1e-3 unless said otherwise. */
  minHessian?: number
  /** Penalty on the leaf values, from 0; 1 unless said otherwise. */
  l2?: number
  /** A split must gain more than this, from 0; 0 unless said otherwise. */
  minGain?: number
  /** Most bins for the values of one feature, 2 to 255; 255 unless said otherwise. */
  bins?: number
  /** Share of the rows that each round draws, in (0, 1]; 1 unless said otherwise. */
  rowShare?: number
  /** Share of the features that each tree draws, in (0, 1]; 1 unless said otherwise. */
  featureShare?: number
  /** Columns that hold codes of categories, not quantities. */
  categorical?: number[]
  /** How much each class counts; each row once, `none`, unless said otherwise. */
  classWeight?: 'none' | 'balanced'
  /** For each feature 1 where the score must not fall as it grows, -1 where it must not rise, else 0. */
  monotone?: number[]
  /** Stops after `patience` rounds without a lower loss on a share of the rows, in (0, 1), that is held out. */
  earlyStopping?: { share: number, patience: number }
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** Settings of a logistic regression. */
export interface LogisticRegressionOptions {
  /** Strength of the penalty, above 0; 1 unless said otherwise. */
  l2?: number
  /** How much each class counts; each row once, `none`, unless said otherwise. */
  classWeight?: 'none' | 'balanced'
  /** Steps of the search, 1 to 100,000; 1,000 unless said otherwise. */
  maxIterations?: number
  /** Size of the gradient at which the search ends, above 0; 1e-8 unless said otherwise. */
  tolerance?: number
}

/** A member of an ensemble before it is fitted. */
export interface MemberOptions {
  /** A name that no other member has. */
  name: string
  /** How much its evidence counts, above 0; learnt from labels, 1 without, unless said otherwise. */
  weight?: number
  /** What scores the rows; no ensemble. */
  detector: Detector
}

/** Settings of an ensemble. */
export interface EnsembleOptions {
  /** The members, 1 to 16; at most one without a weight. */
  members?: MemberOptions[]
  /** The weighted mean of −ln p (`fisher`, unless said otherwise), any member alone, or the mean of probabilities (labels). */
  fusion?: 'fisher' | 'bonferroni' | 'probability'
  /** Parts that the rows are dealt into, 2 to 20; 5 unless said otherwise. */
  folds?: number
  /** Seed of the deal, a whole number up to 2^53 − 1; 0 unless said otherwise. Each member has a seed of its own. */
  seed?: number
}

/** Settings of a training, the same for every network; each network has defaults of its own. */
export interface TrainingOptions {
  /** Most epochs, 1 to 10,000. */
  epochs?: number
  /** Rows of a mini-batch, from 2. */
  batchRows?: number
  /** Most rows that one epoch visits, drawn anew each time. */
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
  /** Where it runs: `cpu`, or `cuda:0` in a build with the feature `cuda`; `cpu` unless said otherwise. */
  device?: string
}

/** Which columns a network treats apart, by index; a guard says it where it is left out. */
export interface ColumnsOptions {
  /** Columns that hold codes of categories, whole numbers below 65,536. */
  categorical?: number[]
  /** The statistics of time, one list for each direction, with `null` where there is no such column. */
  timing?: Array<{ name: string, columns: Array<number | null> }>
}

/** Settings of an autoencoder. */
export interface AutoencoderOptions {
  /** Which columns hold categories; all columns are numbers unless said otherwise. */
  columns?: ColumnsOptions
  /** Widths of the encoder's layers before the narrow one, which the decoder mirrors; 128 and 64 unless said otherwise. */
  widths?: number[]
  /** Width of the narrow layer, 1 to 4,096; 16 unless said otherwise. */
  latent?: number
  /** What bends the output of a layer; `relu` unless said otherwise. */
  activation?: 'relu' | 'gelu' | 'tanh'
  /** Whether layers are normalised over the rows of a batch; they are unless said otherwise. */
  batchNorm?: boolean
  /** Share of numbers between layers that training sets to 0, in [0, 1); 0 unless said otherwise. */
  dropout?: number
  /** Deviation of the noise that training adds to the scaled numbers, from 0; .1 unless said otherwise. */
  noise?: number
  /** Share of the codes that training hides, in [0, 1); .02 unless said otherwise. */
  hiddenCodes?: number
  /** Whether the narrow layer also gets a linear map of its input; not unless said otherwise. */
  skip?: boolean
  /** What the categorical columns together count beside the numbers, which count 1; 1 unless said otherwise. */
  categoryWeight?: number
  /** Draws the narrow layer from a distribution that is held near the standard normal one. */
  variational?: { beta?: number, warmupSteps?: number, samples?: number }
  /** What the score makes of a column's error; `plain` unless said otherwise. */
  errorForm?: 'plain' | 'relative' | 'logarithmic'
  /** The course of the training. */
  training?: TrainingOptions
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** Settings of autoencoders by entity. */
export interface EntityAutoencodersOptions {
  /** The column that says whose row it is, a whole number below 65,536: its place, or its name in a guard; 0 unless said otherwise. */
  entity?: number | string
  /** Training rows from which an entity gets a network of its own, from 2; 500 unless said otherwise. */
  leastRows?: number
  /** The settings of every network; columns are counted with the entity's. */
  autoencoder?: AutoencoderOptions
}

/** Settings of Kitsune. */
export interface KitsuneOptions {
  /** Rows that say how features are grouped, 2 to 2^20; 1,000 unless said otherwise. */
  mappingRows?: number
  /** Rows to train on before any is scored, 1 to 2^30; 10,000 unless said otherwise. */
  trainingRows?: number
  /** Most features of a group, 1 to 64; 10 unless said otherwise. */
  largestGroup?: number
  /** Hidden units of an autoencoder for each of its inputs, in (0, 1]; 0.75 unless said otherwise. */
  hiddenRatio?: number
  /** How far a training step goes, in (0, 1]; 0.1 unless said otherwise. */
  learningRate?: number
  /** Seed of the first weights, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** What a network looks like, with settings by `kind` as they stand in docs.rs, such as `width` and `layers`. */
export interface ArchitectureOptions {
  kind: 'mlp' | 'ft_transformer' | 'temporal_cnn' | 'mixture'
  [setting: string]: unknown
}

/** Settings of a neural classifier. */
export interface NeuralClassifierOptions {
  /** What the network looks like; a perceptron unless said otherwise. */
  architecture?: ArchitectureOptions
  /** Which columns hold categories, and which tell time; all columns are numbers unless said otherwise. */
  columns?: ColumnsOptions
  /** How much each class counts; each row once, `none`, unless said otherwise. */
  classWeight?: 'none' | 'balanced'
  /** Share of the codes that training hides, in [0, 1); .02 unless said otherwise. */
  hiddenCodes?: number
  /** Lets a transformer first guess hidden features, without labels. */
  pretraining?: { maskShare?: number, training?: TrainingOptions }
  /** The course of the training with labels. */
  training?: TrainingOptions
  /** Seed of all randomness, a whole number up to 2^53 − 1; 0 unless said otherwise. */
  seed?: number
}

/** An expert of a mixture before it is fitted. */
export interface ExpertOptions {
  /** A name that no other expert has. */
  name: string
  /** What scores the rows; no ensemble and no mixture. */
  detector: Detector
  /** Whether it is trained together with the gate: only a `NeuralClassifier` without a training of its own; not all experts. */
  joint?: boolean
}

/** Settings of a mixture of experts. */
export interface MixtureOfExpertsOptions {
  /** The experts, 2 to 8. */
  experts?: ExpertOptions[]
  /** The gate. */
  gate?: { hidden?: number[], temperature?: number, topK?: number, balance?: number, floor?: number, evenness?: number, dropout?: number }
  /** Share of the weight that all experts have evenly in every row, in [0, 1]; 0 unless said otherwise. */
  evenShare?: number
  /** How much the weights lean to experts that speak for an attack, 0 to 10; 0 unless said otherwise. */
  lean?: number
  /** Share of new kinds among the clean rows, and among the attacks, that the gate learns from, in [0, 1]; 0.5 unless said otherwise. */
  novelShare?: number
  /** Share of attacks among these that show nothing to supervised experts, in [0, 1); 0.33 unless said otherwise. */
  blindShare?: number
  /** Whether experts that can learn the classes do, or only what an attack is; true unless said otherwise. */
  learnClasses?: boolean
  /** Clusters of attacks that stand for kinds, 2 to 64; 3 unless said otherwise. */
  kinds?: number
  /** Clusters of clean rows that stand for kinds of traffic, 1 to 64; 6 unless said otherwise. */
  cleanKinds?: number
  /** Parts that the rows are dealt into, 2 to 20; 3 unless said otherwise. */
  folds?: number
  /** How the gate is trained, and the joint experts with it. */
  training?: TrainingOptions
  /** Seed of the deal and of the gate, a whole number up to 2^53 − 1; 0 unless said otherwise. Experts have their own. */
  seed?: number
}

/** Rows that few random cuts set apart are anomalous. */
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
  /** For so many rows that are known to be clean: a forest, a mixture and contrast trees. */
  static clean(rows: number, options?: RecipeOptions): Ensemble
  /** For rows labelled clean or attack, so many of them clean: boosted trees beside them. */
  static labelled(cleanRows: number, options?: RecipeOptions): Ensemble
  /** For rows that may hold attacks, and nobody knows which: forests of different kinds. */
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

/** A gate that says for each row which detectors to trust; it learns from labels. */
export class MixtureOfExperts extends Detector {
  constructor(options?: MixtureOfExpertsOptions)
}
