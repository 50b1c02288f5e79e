//! The plots, as SVG.

use std::error::Error;
use std::path::PathBuf;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::options::Options;
use crate::path::Path;
use crate::runs::{First, Results, Share, Transfer, mean, percentile};
use crate::tables::{path_name, percent};
use crate::talk::Kind;

type Outcome = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const PANEL: (u32, u32) = (320, 220);
const HEAD: u32 = 30;
const FONT: &str = "sans-serif";

const fn colour(kind: Kind) -> RGBColor {
    match kind {
        Kind::OursBbr => RGBColor(200, 30, 30),
        Kind::OursNewReno => RGBColor(230, 150, 40),
        Kind::QuinnNewReno => RGBColor(60, 150, 70),
        Kind::QuinnCubic => RGBColor(120, 90, 180),
        Kind::QuinnBbr => RGBColor(30, 100, 200),
    }
}

/// The vertical axis.
#[derive(Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    const fn linear(high: f64) -> Self {
        let (low, log) = (0.0, false);
        Self { low, high, log }
    }

    /// What lies below `low` is drawn there.
    const fn log(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            log: true,
        }
    }

    fn place(self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        if self.log { value.log10() } else { value }
    }

    fn label(self, place: f64) -> String {
        let value = if self.log { 10_f64.powf(place) } else { place };
        format!(
            "{:.*}",
            usize::from(value < 0.95 && value > 0.0) + usize::from(value < 0.095 && value > 0.0),
            value
        )
    }
}

/// A curve: its name, its colour and its points.
type Curve = (String, RGBColor, Vec<f64>);

pub fn draw(results: &Results, options: &Options) -> Outcome {
    std::fs::create_dir_all(&options.plots)?;
    let all = &results.transfers;
    if !all.is_empty() {
        matrix(
            options,
            "goodput",
            "Goodput, % of the link",
            Axis::linear(100.0),
            all,
            |it| it.goodput,
        )?;
        let p99 = |it: &Transfer| it.path.in_rtts(percentile(&it.lines, 99));
        matrix(
            options,
            "line",
            "A line beside the file: p99 in round trips",
            Axis::log(0.1, 1_000.0),
            all,
            p99,
        )?;
        matrix(
            options,
            "own-loss",
            "Lost in its own queue, %",
            Axis::log(0.01, 100.0),
            all,
            |it| it.own_loss,
        )?;
        matrix(
            options,
            "queue",
            "Mean wait in the queue, in round trips",
            Axis::linear(1.0),
            all,
            |it| it.queue,
        )?;
    }
    if !results.firsts.is_empty() {
        firsts(options, &results.firsts)?;
    }
    if !results.shares.is_empty() {
        shares(options, &results.shares)?;
    }
    Ok(())
}

fn file(options: &Options, name: &str) -> PathBuf {
    options.plots.join(format!("{name}.svg"))
}

/// A title, and what is said of where and when it was measured.
fn titled(title: &str, options: &Options) -> String {
    match &options.note {
        Some(note) => format!("{title} ({note})"),
        None => title.to_owned(),
    }
}

/// Panels of one size below a title.
fn panels<'a>(
    path: &'a PathBuf,
    title: &str,
    (rows, columns): (usize, usize),
) -> Result<Vec<Area<'a>>, Box<dyn Error>> {
    let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32 + HEAD);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled(title, (FONT, 16))?;
    Ok(area.split_evenly((rows, columns)))
}

/// A panel for each rate and round trip, a curve over the losses for each contestant.
fn matrix(
    options: &Options,
    name: &str,
    title: &str,
    axis: Axis,
    all: &[Transfer],
    figure: impl Fn(&Transfer) -> f64,
) -> Outcome {
    let path = file(options, name);
    let grid = (options.rates.len(), options.rtts.len());
    let areas = panels(&path, &titled(title, options), grid)?;
    let labels: Vec<String> = options.losses.iter().map(|loss| percent(*loss)).collect();
    for (at, (area, (mbit, rtt_ms))) in areas.iter().zip(options.rows()).enumerate() {
        let here = |it: &&Transfer| (it.path.mbit, it.path.rtt_ms) == (mbit, rtt_ms);
        let curve = |kind: &Kind| {
            let cells = all.iter().filter(here).filter(|it| it.kind == *kind);
            (
                kind.name().to_owned(),
                colour(*kind),
                cells.map(&figure).collect(),
            )
        };
        let curves: Vec<Curve> = options.kinds.iter().map(curve).collect();
        panel(
            area,
            &format!("{mbit} Mbit/s, {rtt_ms} ms"),
            axis,
            &labels,
            &curves,
            at == 0,
        )?;
    }
    Ok(())
}

fn firsts(options: &Options, all: &[First]) -> Outcome {
    let path = file(options, "first");
    // It hardly depends on the rate.
    let Some(mbit) = options.rates.get(options.rates.len() / 2).copied() else {
        return Ok(());
    };
    let title = format!("Time to the first line: p99 in ms, {mbit} Mbit/s");
    let areas = panels(&path, &titled(&title, options), (1, options.rtts.len()))?;
    let mut labels: Vec<String> = options.losses.iter().map(|loss| percent(*loss)).collect();
    labels.push("first flight".to_owned());
    for (at, (area, rtt_ms)) in areas.iter().zip(&options.rtts).enumerate() {
        let curve = |kind: &Kind| {
            let here = all
                .iter()
                .filter(|it| (it.path.mbit, it.path.rtt_ms) == (mbit, *rtt_ms) && it.kind == *kind);
            let points: Vec<f64> = here
                .map(|it| percentile(&it.times, 99).as_secs_f64() * 1e3)
                .collect();
            (kind.name().to_owned(), colour(*kind), points)
        };
        let curves = options
            .kinds
            .iter()
            .map(curve)
            .filter(|(_, _, points)| !points.is_empty());
        let curves: Vec<Curve> = curves.collect();
        panel(
            area,
            &format!("{rtt_ms} ms"),
            Axis::log(10.0, 100_000.0),
            &labels,
            &curves,
            at == 0,
        )?;
    }
    Ok(())
}

fn shares(options: &Options, all: &[Share]) -> Outcome {
    let paths: Vec<Path> = options.paths(&options.share_losses);
    let labels: Vec<String> = paths.iter().map(|path| path_name(*path)).collect();
    let curve = |kind: &Kind| {
        let of_kind = all.iter().filter(|it| it.kind == *kind);
        let points = of_kind.map(|it| mean(it.shares.iter().copied())).collect();
        (kind.name().to_owned(), colour(*kind), points)
    };
    let curves: Vec<Curve> = options.kinds.iter().map(curve).collect();
    let path = file(options, "share");
    let width = 110 * labels.len() as u32 + 120;
    let area = SVGBackend::new(&path, (width, 340)).into_drawing_area();
    area.fill(&WHITE)?;
    panel(
        &area,
        &titled("Share of the link beside quinn's NewReno", options),
        Axis::linear(1.0),
        &labels,
        &curves,
        true,
    )?;
    Ok(area.present()?)
}

fn panel(
    area: &Area<'_>,
    title: &str,
    axis: Axis,
    labels: &[String],
    curves: &[Curve],
    legend: bool,
) -> Outcome {
    let last = labels.len().saturating_sub(1).max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 13))
        .margin(6)
        .x_label_area_size(20)
        .y_label_area_size(40)
        .build_cartesian_2d(
            -0.2..last + 0.2,
            axis.place(axis.low)..axis.place(axis.high),
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(0)
        .y_labels(6)
        .y_label_formatter(&|y| axis.label(*y))
        .label_style((FONT, 11))
        .draw()?;
    let low = axis.place(axis.low);
    for (number, label) in labels.iter().enumerate() {
        let style = (FONT, 11).into_font().into_text_style(area);
        let style = style.pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Center,
            plotters::style::text_anchor::VPos::Top,
        ));
        let text = EmptyElement::at((number as f64, low)) + Text::new(label.clone(), (0, 4), style);
        chart.plotting_area().draw(&text)?;
    }
    for (name, colour, points) in curves {
        let line = |points: &[f64]| -> Vec<(f64, f64)> {
            points
                .iter()
                .enumerate()
                .map(|(x, y)| (x as f64, axis.place(*y)))
                .collect()
        };
        let colour = *colour;
        let drawn = chart.draw_series(LineSeries::new(line(points), colour.stroke_width(2)))?;
        drawn
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
        chart.draw_series(
            line(points)
                .into_iter()
                .map(|point| Circle::new(point, 2, colour.filled())),
        )?;
    }
    if legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.mix(0.8))
            .label_font((FONT, 10))
            .draw()?;
    }
    Ok(())
}
