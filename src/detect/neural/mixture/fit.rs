//! Fitting a mixture: experts, calibrations, gate, and whether the gate earns its place.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView2, Axis};

use super::config::MixtureOfExpertsConfig;
use super::cross::cross_fit;
use super::deal::{ATTACKS, CLEAN, Left, Role, deal, kinds_by_features};
use super::learn::Course;
use super::lessons;
use super::model::MixtureOfExperts;
use super::panel::Panel;
use super::report::{ExpertReport, MixtureReport, Quality};
use crate::detect::neural::training::Checkpoint;
use crate::detect::training_rows::TrainingRows;
use crate::detect::{ColumnNames, Fit, FitContext, Fitted, Labels, check};
use crate::error::{Error, Result};
use crate::folds;
use crate::parallel;
use crate::progress::{self, Progress, Unit};

impl MixtureOfExpertsConfig {
    /// Names the columns to experts whose settings do not.
    pub(in crate::detect) fn name_columns(&mut self, columns: ColumnNames<'_>) -> Result<()> {
        self.experts.iter_mut().try_for_each(|expert| expert.detector.name_columns(columns))
    }

    fn fit_binary(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[bool],
        resume: Option<&Checkpoint>,
    ) -> Result<MixtureOfExperts> {
        self.check(&x, labels.len())?;
        require_attacks(labels)?;
        let kinds = kinds_by_features(x, |row| labels[row], self.kinds, self.seed)?;
        let rows = TrainingRows { x, attacks: labels.to_vec(), classes: None, learn_classes: false };
        self.fit_rows(&rows, &kinds, resume)
    }

    pub(super) fn fit_classes(
        &self,
        x: ArrayView2<'_, f32>,
        labels: &[u32],
        classes: &[String],
        resume: Option<&Checkpoint>,
    ) -> Result<MixtureOfExperts> {
        self.check(&x, labels.len())?;
        if let Some(row) = labels.iter().position(|&label| label as usize >= classes.len()) {
            let expected = format!("a class below {}", classes.len());
            return Err(Error::invalid(format!("labels[{row}]"), expected, labels[row]));
        }
        let attacks: Vec<bool> = labels.iter().map(|&label| label > 0).collect();
        require_attacks(&attacks)?;
        let kinds: Vec<Option<usize>> = if classes.len() == 2 {
            kinds_by_features(x, |row| attacks[row], self.kinds, self.seed)?
        } else {
            labels.iter().map(|&label| (label as usize).checked_sub(1)).collect()
        };
        let rows =
            TrainingRows { x, attacks, classes: Some((labels, classes)), learn_classes: self.learn_classes };
        self.fit_rows(&rows, &kinds, resume)
    }

    fn check(&self, x: &ArrayView2<'_, f32>, labels: usize) -> Result<()> {
        self.validate()?;
        self.refuse_other_trainings()?;
        if labels != x.nrows() {
            return Err(Error::ShapeMismatch { what: "labels", expected: x.nrows(), got: labels });
        }
        check::finite(x, 0)
    }

    fn fit_rows(
        &self,
        rows: &TrainingRows<'_>,
        kinds: &[Option<usize>],
        resume: Option<&Checkpoint>,
    ) -> Result<MixtureOfExperts> {
        let left = self.deal(rows, kinds)?;
        let (mut detectors, scores) = cross_fit(rows, &self.experts, &left, self.folds)?;
        let course = Course { config: self, rows, left: &left, scores: &scores };
        let report = self.validate_gate(&course)?;
        let all: Vec<usize> = (0..left.len()).collect();
        let learnt = course.learn(&all, resume)?;
        for (who, network) in learnt.networks {
            detectors.insert(who, network.into());
        }
        let history = learnt.history;
        let panel = Panel::new(self, learnt.voices, learnt.gate)?;
        let classes: Vec<String> = match rows.classes {
            Some((_, names)) => names.to_vec(),
            None => vec!["clean".into(), "attack".into()],
        };
        let shares = class_shares(rows, classes.len());
        MixtureOfExperts::new(self.clone(), detectors, panel, (classes, shares), report, history)
    }

    /// Deals clean rows by clusters and attacks by kind.
    pub(super) fn deal(&self, rows: &TrainingRows<'_>, kinds: &[Option<usize>]) -> Result<Vec<Left>> {
        let clean_kinds = kinds_by_features(rows.x, |row| !rows.attacks[row], self.clean_kinds, self.seed)?;
        let mut left = deal(&clean_kinds, &CLEAN, self.folds, self.seed);
        left.extend(deal(kinds, &ATTACKS, self.folds, self.seed));
        Ok(left)
    }

    /// Judges each fold by a gate, calibrations and joint networks of the others.
    fn validate_gate(&self, course: &Course<'_, '_>) -> Result<MixtureReport> {
        let (left, n) = (course.left, self.experts.len());
        let left_out = left.iter().map(Left::left_out);
        let kept = folds::kept(left_out, course.rows.attacks.len(), self.folds);
        let done = AtomicUsize::new(0);
        let judge = |fold: usize| -> Result<Judged> {
            let (mut here, mut others): (Vec<usize>, Vec<usize>) =
                (0..left.len()).partition(|&i| left[i].fold == fold);
            // A row that is left out here may stand in other folds too.
            others.retain(|&i| kept[left[i].row * self.folds + fold]);
            let clean = lessons::draw_clean(self, left, &here);
            here.retain(|&i| left[i].role.is_attack());
            here.extend(clean);
            let learnt = course.learn(&others, None)?;
            let panel = Panel::new(self, learnt.voices, learnt.gate)?;
            let mut scores = course.scores.select(Axis(0), &here);
            course.add_joint(&learnt.networks, &here, &mut scores)?;
            let roles: Vec<Role> = here.iter().map(|&i| left[i].role).collect();
            Judged::of(&panel, &roles, &scores)
        };
        let judged = parallel::map(self.folds, |fold| -> Result<Judged> {
            let judged = progress::quiet(|| judge(fold))?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let progress = Progress::new("mixture_of_experts", Unit::Fits, done, self.folds);
            progress::report(&progress.of_member("gate", Some(fold)))?;
            Ok(judged)
        });
        let judged = judged.into_iter().collect::<Result<Vec<_>>>()?;
        let quality = |who: usize, role: Role| -> Option<Quality> {
            let of: Vec<Quality> = judged.iter().filter_map(|fold| fold.quality(who, role)).collect();
            let share = 1.0 / of.len() as f64;
            (!of.is_empty()).then(|| Quality::sum(of.into_iter().map(|quality| (share, quality))))
        };
        let both = |known: Option<Quality>, novel: Option<Quality>| match (known, novel) {
            (Some(known), Some(novel)) => {
                Quality::sum([(1.0 - self.novel_share, known), (self.novel_share, novel)])
            }
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let experts: Vec<ExpertReport> = (0..n)
            .map(|who| {
                let (known, novel) = (quality(who, Role::Known), quality(who, Role::Novel));
                let mean_weight =
                    judged.iter().map(|fold| fold.mean_weights[who]).sum::<f64>() / self.folds as f64;
                let name = self.experts[who].name.clone();
                ExpertReport { name, known, novel, quality: both(known, novel), mean_weight }
            })
            .collect();
        let (known, novel) = (quality(n, Role::Known), quality(n, Role::Novel));
        let quality = both(known, novel);
        let chosen = MixtureReport::choose(&experts, quality);
        Ok(MixtureReport { experts, known, novel, quality, chosen })
    }
}

impl Fit for MixtureOfExpertsConfig {
    type Model = MixtureOfExperts;

    /// Fits on labels of attacks, or on classes: each class but the first, clean traffic, is a kind of attack where there
    /// are three or more. Two classes give the same bits as labels.
    ///
    /// The score is the log-odds of any attack, as with two classes. With
    /// [`MixtureOfExpertsConfig::learn_classes`], boosted trees, logistic regressions and networks learn all classes;
    /// [`Classifier::probabilities`](crate::Classifier::probabilities) of the mixture returns their probabilities of
    /// the classes. A fit that is cancelled while the final gate is trained returns its best weights.
    ///
    /// # Errors
    ///
    /// As every [`Fit::fit`], and [`Error::InsufficientData`] without labels, for labels of one class, and for fewer
    /// than 20 clean rows that a fold may learn from; that of the first expert that cannot be fitted.
    fn fit(&self, x: ArrayView2<'_, f32>, context: FitContext<'_>) -> Result<Fitted<MixtureOfExperts>> {
        context.refuse_weights()?;
        let mut config = self.clone();
        if let Some(columns) = context.columns {
            config.name_columns(columns)?;
        }
        let resume = context.resume;
        let fit = || {
            if let Labels::Binary(labels) = context.labels {
                return config.fit_binary(x, labels, resume);
            }
            let (labels, classes) = context.every_class(x.nrows())?;
            config.fit_classes(x, &labels, &classes, resume)
        };
        context.run(fit).map(Into::into)
    }

    fn needs_labels(&self) -> bool {
        true
    }
}

/// How experts and mixture did in one fold.
struct Judged {
    /// Of each expert, then of the mixture.
    known: Option<Vec<Quality>>,
    novel: Option<Vec<Quality>>,
    mean_weights: Vec<f64>,
}

impl Judged {
    /// `scores`, shape (rows, experts), are those of the rows of these roles.
    fn of(panel: &Panel, roles: &[Role], scores: &Array2<f32>) -> Result<Self> {
        let experts = panel.voices.len();
        let said = Said::of(panel, scores);
        let quality = |role: Role| -> Result<Option<Vec<Quality>>> {
            let taken: Vec<usize> =
                (0..roles.len()).filter(|&at| !roles[at].is_attack() || roles[at] == role).collect();
            let labels: Vec<bool> = taken.iter().map(|&at| roles[at].is_attack()).collect();
            if !labels.contains(&true) || !labels.contains(&false) {
                return Ok(None);
            }
            let of = |score: &dyn Fn(usize) -> f64| {
                Quality::of(&taken.iter().map(|&at| score(at)).collect::<Vec<_>>(), &labels)
            };
            let experts = (0..experts).map(|who| of(&|at| said.experts[at * experts + who]));
            experts.chain([of(&|at| said.mixture[at])]).collect::<Result<_>>().map(Some)
        };
        let mean_weights = mean_weights(roles, &said.weights, experts);
        Ok(Self { known: quality(Role::Known)?, novel: quality(Role::Novel)?, mean_weights })
    }

    fn quality(&self, who: usize, role: Role) -> Option<Quality> {
        let of = if role == Role::Known { &self.known } else { &self.novel };
        of.as_ref().map(|of| of[who])
    }
}

/// What experts and mixture say of some rows.
struct Said {
    /// Shape (rows, experts).
    experts: Vec<f64>,
    /// Shape (rows, experts).
    weights: Vec<f32>,
    mixture: Vec<f64>,
}

impl Said {
    /// Of scores, shape (rows, experts).
    fn of(panel: &Panel, scores: &Array2<f32>) -> Self {
        let voices = panel.voices.iter().cycle();
        let experts: Vec<f64> = scores.iter().zip(voices).map(|(&score, voice)| voice.says(score)).collect();
        let (mut weights, mut mixture) = (vec![0.0; experts.len()], vec![0.0; scores.nrows()]);
        panel.judge(&experts, &mut weights, &mut mixture);
        Self { experts, weights, mixture }
    }
}

/// The mean weight of each expert: half over the clean rows, half over the attacks.
fn mean_weights(roles: &[Role], weights: &[f32], experts: usize) -> Vec<f64> {
    let mut sums = [vec![0.0; experts], vec![0.0; experts]];
    let mut rows = [0.0_f64; 2];
    for (role, weights) in roles.iter().zip(weights.chunks_exact(experts)) {
        let side = usize::from(role.is_attack());
        rows[side] += 1.0;
        sums[side].iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += f64::from(weight));
    }
    let sides = rows.iter().filter(|&&n| n > 0.0).count() as f64;
    (0..experts)
        .map(|who| {
            (0..2).filter(|&side| rows[side] > 0.0).map(|side| sums[side][who] / rows[side] / sides).sum()
        })
        .collect()
}

fn require_attacks(attacks: &[bool]) -> Result<()> {
    let got = attacks.iter().filter(|&&attack| attack).count();
    for (what, got) in [("attack rows", got), ("clean rows", attacks.len() - got)] {
        if got < 2 {
            return Err(Error::InsufficientData { what: what.into(), needed: 2, got });
        }
    }
    Ok(())
}

/// The share of each class among the attacks; 0 for the clean class.
fn class_shares(rows: &TrainingRows<'_>, classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    for (row, &attack) in rows.attacks.iter().enumerate() {
        if attack {
            counts[rows.classes.map_or(1, |(labels, _)| labels[row] as usize)] += 1.0;
        }
    }
    let all: f64 = counts.iter().sum();
    counts.into_iter().map(|count| count / all).collect()
}
