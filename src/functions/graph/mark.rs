//! Functions that only say how a series is drawn: `alpha`, `color`, `dashed`, `drawAsInfinite`,
//! `lineWidth`, `secondYAxis`.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
    number_text,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// One of the functions.
pub(super) struct Mark {
    signature: Signature,
    mark: fn(&Call<'_>, &mut Series) -> Result<(), EvaluationError>,
}

impl Mark {
    const fn new(
        names: &'static [&'static str],
        usage: &'static str,
        parameters: &'static [Parameter],
        description: &'static str,
        mark: fn(&Call<'_>, &mut Series) -> Result<(), EvaluationError>,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::Graph,
            usage,
            description,
            parameters,
            aggregator: false,
        };
        Self { signature, mark }
    }
}

pub(super) static ALPHA: Mark = Mark::new(
    &["alpha"],
    "(seriesList, alpha)",
    &[SERIES, Parameter::required("alpha", Kind::Float)],
    "Draws with an opacity from 0 to 1.",
    |call, series| {
        series.options.alpha = Some(call.number("alpha")?);
        Ok(())
    },
);

pub(super) static COLOR: Mark = Mark::new(
    &["color"],
    "(seriesList, theColor)",
    &[SERIES, Parameter::required("theColor", Kind::String)],
    "Draws in a colour, given by name or in hexadecimal.",
    |call, series| {
        let color = call.string("theColor")?;
        call.claim(color.len())?;
        series.options.color = Some(color);
        Ok(())
    },
);

pub(super) static DASHED: Mark = Mark::new(
    &["dashed"],
    "(seriesList, dashLength=5)",
    &[
        SERIES,
        Parameter::optional("dashLength", Kind::Integer).default(Literal::Integer(5)),
    ],
    "Draws in dashes of a length in pixels.",
    |call, series| {
        let length = call.number("dashLength")?;
        let text = call.string("dashLength")?;
        series.tags.set("dashed", text);
        series.name = format!("dashed({}, {})", series.name, number_text::general(length)).into();
        series.options.dashed = Some(length);
        Ok(())
    },
);

pub(super) static DRAW_AS_INFINITE: Mark = Mark::new(
    &["drawAsInfinite"],
    "(seriesList)",
    &[SERIES],
    "Draws a line from bottom to top wherever a value is above zero.",
    |_, series| {
        series.tags.set("drawAsInfinite", "1");
        series.name = format!("drawAsInfinite({})", series.name).into();
        series.options.draw_as_infinite = true;
        Ok(())
    },
);

pub(super) static LINE_WIDTH: Mark = Mark::new(
    &["lineWidth"],
    "(seriesList, width)",
    &[SERIES, Parameter::required("width", Kind::Float)],
    "Draws with a line of a width in pixels.",
    |call, series| {
        series.options.line_width = Some(call.number("width")?);
        Ok(())
    },
);

pub(super) static SECOND_Y_AXIS: Mark = Mark::new(
    &["secondYAxis"],
    "(seriesList)",
    &[SERIES],
    "Draws against the axis on the right.",
    |_, series| {
        series.tags.set("secondYAxis", "1");
        series.name = format!("secondYAxis({})", series.name).into();
        series.options.second_y_axis = true;
        Ok(())
    },
);

impl Function for Mark {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        for series in &mut all {
            (self.mark)(call, series)?;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn marks_are_carried_and_some_are_shown_in_the_name() {
        let samples = Samples::new().with("a", 60, 60, &[1.0]);
        let first = |target: &str| samples.run(target, 0, 60).swap_remove(0);
        assert_eq!(first("alpha(a,0.5)").options.alpha, Some(0.5));
        assert_eq!(first("alpha(a,0.5)").name, "a");
        assert_eq!(
            first("color(a,'red')").options.color.as_deref(),
            Some("red")
        );
        assert_eq!(first("lineWidth(a,2)").options.line_width, Some(2.0));
        let dashed = first("dashed(a)");
        assert_eq!(dashed.name, "dashed(a, 5)");
        assert_eq!(dashed.tags.get("dashed"), Some("5"));
        assert_eq!(dashed.path_expression, "a");
        assert!(first("secondYAxis(a)").options.second_y_axis);
        assert_eq!(
            first("drawAsInfinite(a)").tags.get("drawAsInfinite"),
            Some("1")
        );
        assert!(samples.try_run("alpha(a,'x')", 0, 60).is_err());
    }
}
