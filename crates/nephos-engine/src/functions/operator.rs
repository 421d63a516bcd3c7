//! `->` and `->>`, and the types `json` and `jsonb`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};
use nephos_sql::ast::{BinaryOperator, DataType as SqlType};

use super::extract::{Form, operator};

#[derive(Debug)]
pub(super) struct JsonOperators;

impl ExprPlanner for JsonOperators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let form = match expr.op {
            BinaryOperator::Arrow => Form::Json,
            BinaryOperator::LongArrow => Form::Text,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(PlannerResult::Planned(operator(form).call(vec![expr.left, expr.right])))
    }
}

/// JSON is text here, so that `::json` and `::jsonb` are casts to text.
#[derive(Debug)]
pub(crate) struct JsonTypes;

impl TypePlanner for JsonTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        Ok(matches!(sql_type, SqlType::JSON | SqlType::JSONB)
            .then(|| Arc::new(Field::new("", DataType::Utf8, true))))
    }
}
